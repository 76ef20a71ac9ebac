"""Trains the controller on short runs; lets it drive a long one."""

import numpy as np

from arz_model.scenario import Scenario
from arz_model.simulation import snapshot
from arz_model.state import Array
from Code_RL.configuration import Config
from Code_RL.environment import FEATURES, Environment
from Code_RL.learner import Experience, greedy, learn


def train(scenario: Scenario, config: Config) -> tuple[Array, list[float]]:
    """The weights (actions, 4) of the cheapest episode, and the mean cost of each episode.

    Deterministic: all chance comes from config.seed.
    """
    random = np.random.default_rng(config.seed)
    weights = np.zeros((len(scenario.actions), FEATURES))
    experience, costs, tried = Experience(), [], []
    for episode in range(config.episodes):
        exploration = config.exploration * (1.0 - episode / config.episodes)
        costs.append(_explore(scenario, config, weights, exploration, random, experience))
        tried.append(weights)
        weights = learn(weights, experience, config.learning_rate, config.discount, config.updates)
    return tried[int(np.argmin(costs))], costs


def evaluate(
    scenario: Scenario, config: Config, weights: Array, decisions: int
) -> tuple[list[Array], Array]:
    """The states (4, N) after each decision, and the measures (decisions, 3), without chance."""
    environment = Environment(scenario, config)
    states, measures = [], []
    for _ in range(decisions):
        _, measured = environment.act(greedy(weights, environment.observe()))
        states.append(snapshot(environment.moment, scenario))
        measures.append(measured)
    return states, np.array(measures)


def _explore(
    scenario: Scenario,
    config: Config,
    weights: Array,
    exploration: float,
    random: np.random.Generator,
    experience: Experience,
) -> float:
    """The mean cost of one episode; its transitions are added to experience."""
    environment = Environment(scenario, config)
    rewards = []
    for _ in range(round(config.training_duration / config.decision_interval)):
        observation = environment.observe()
        action = greedy(weights, observation)
        if random.random() < exploration:
            action = int(random.integers(len(scenario.actions)))
        reward, _ = environment.act(action)
        experience.add(observation, action, reward, environment.observe())
        rewards.append(reward)
    return -float(np.mean(rewards)) * config.reward_scale
