"""What must hold whatever the traffic: vehicles are conserved, and bounds are kept."""

from dataclasses import replace

import numpy as np
import pytest

from arz_model import scenario as scenarios
from arz_model.boundary import Ring
from arz_model.parameters import Parameters, column
from arz_model.pressure import occupancy, pressure, speed
from arz_model.reconstruction import faces
from arz_model.simulation import advance, fixed_action, start
from arz_model.solver import Road, stable_dt, step
from arz_model.source import relax
from arz_model.state import conserved, from_table, primitive, to_table, vehicles

CELLS = 50
PAR = Parameters(column(8.9, 7.8), column(1.0, 1.2), column(3.0, 2.0), 370.0)


def random_road(seed):
    """A conserved state with jumps from empty to full in both classes, and w from p to V0."""
    random = np.random.default_rng(seed)
    density = 370.0 * random.random((1, CELLS)) * random.dirichlet((1, 1), CELLS).T
    density[:, random.random(CELLS) < 0.2] = 0.0
    p = pressure(density, PAR)
    return conserved(np.array((density, p + (PAR.v0 - p) * random.random((2, CELLS)))))


def steps(u, road, count, opening=1.0):
    """The states and fluxes of `count` steps on a road without a speed limit."""
    for _ in range(count):
        dt = stable_dt(u, road)
        u, flux = step(u, dt, road, np.ones(CELLS), np.full((2, CELLS + 1), opening))
        yield u, flux, dt


@pytest.mark.parametrize("seed", range(5))
def test_a_ring_keeps_its_vehicles_and_its_bounds(seed):
    road = Road(PAR, Ring(), 10.0, 0.4)
    first = random_road(seed)
    for u, _, _ in steps(first, road, 300):
        assert vehicles(u, 10.0) == pytest.approx(vehicles(first, 10.0), rel=1e-12)
        density, w = primitive(u, PAR)
        assert density.min() >= -1e-9
        assert occupancy(density, PAR).max() <= 1 + 1e-9
        assert (w <= PAR.v0 + 1e-9).all()


def test_vehicles_on_an_open_road_change_by_inflow_minus_outflow():
    scenario = scenarios.load("adaptive_speed_control", CELLS, refinement=1)
    u, dx, balance = scenario.initial, scenario.road.dx, 0.0
    for state, flux, dt in steps(u, scenario.road, 400):
        balance += (flux[0, :, 0] - flux[0, :, -1]) * dt / 1000
        change = vehicles(state, dx) - vehicles(u, dx)
        assert change == pytest.approx(balance, abs=1e-9)


@pytest.mark.parametrize("name", scenarios.NAMES)
def test_every_scenario_keeps_its_bounds_under_every_action(name):
    scenario = scenarios.load(name, CELLS, refinement=1)
    par = scenario.road.par
    for action in scenario.actions:
        moment = start(scenario)
        for _ in range(10):
            moment, measures = advance(moment, scenario, action, 10.0)
            state = primitive(moment.conserved, par)
            assert state[0].min() >= -1e-9
            assert occupancy(state[0], par).max() <= 1 + 1e-9
            assert (state[1] >= pressure(state[0], par) - 1e-6).all()
            assert (speed(state, par) <= par.v0 + 1e-9).all()
            assert (measures >= 0).all()


def test_nobody_passes_a_red_light_that_all_obey():
    scenario = scenarios.load("traffic_light_control", CELLS, refinement=1)
    scenario = replace(scenario, device=replace(scenario.device, compliance=1.0))
    moment, _ = advance(start(scenario), scenario, 0.0, 60.0)
    beyond = scenario.device.x > scenario.device.position
    before = start(scenario).conserved[0][:, beyond].sum()
    assert moment.conserved[0][:, beyond].sum() < 0.1 * before


def test_the_ramp_gives_the_road_what_its_queue_loses():
    scenario = scenarios.load("ramp_metering", CELLS, refinement=1)
    device = scenario.device
    u, queue = device.serve(scenario.initial, 20.0, 0.5, 2.0, scenario.road.par)
    gained = (vehicles(u, scenario.road.dx) - vehicles(scenario.initial, scenario.road.dx)).sum()
    assert gained > 0
    assert queue + gained == pytest.approx(20.0 + 2.0 * device.side_demand)


def test_a_lower_speed_limit_slows_the_road_before_the_sign_only():
    scenario = scenarios.load("adaptive_speed_control", CELLS, refinement=1)
    governed = scenario.device.limit(0.5) == 0.5
    x = scenario.device.x[governed]
    assert (x.min(), x.max()) == (410.0, 790.0)  # the sign's 300 m, and the rough surface
    moment, _ = advance(start(scenario), scenario, 0.5, 15.0)
    v = speed(primitive(moment.conserved, scenario.road.par), scenario.road.par)
    assert v[1, 25] < 0.6 * v[1, 5]


def test_relaxation_is_exact_however_long_the_step():
    u, limit = random_road(1), np.full(CELLS, 0.8)
    once, twice = relax(u, 2.0, limit, PAR), relax(relax(u, 1.0, limit, PAR), 1.0, limit, PAR)
    np.testing.assert_allclose(once, twice, rtol=1e-12, atol=1e-9)
    state = primitive(relax(u, 1e6, limit, PAR), PAR)
    equilibrium = 0.8 * (PAR.v0 - pressure(state[0], PAR))
    present = state[0] > 1e-6
    np.testing.assert_allclose(speed(state, PAR)[present], equilibrium[present], atol=1e-12)


def test_reconstruction_of_a_full_queue_leaves_no_face_overfull():
    motorcycles = np.array([200.0, 210, 230, 250, 300, 310, 315, 370])
    density = np.array((motorcycles, 370.0 - motorcycles))
    for side in faces(np.array((density, density)), 370.0):
        assert side[0].sum(axis=0).max() <= 370.0 + 1e-9


def test_the_fixed_plan_repeats_and_tables_go_both_ways():
    scenario = scenarios.load("traffic_light_control")
    assert [fixed_action(scenario, k) for k in range(5)] == [1, 1, 0, 0, 1]
    table = np.arange(12.0).reshape(4, 3)
    assert (to_table(from_table(table)) == table).all()
