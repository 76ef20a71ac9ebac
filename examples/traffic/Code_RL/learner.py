"""Q-learning with a linear value for each action (Watkins 1989; Sutton & Barto 2018, ch. 9-11)."""

from dataclasses import dataclass, field

import numpy as np

from arz_model.state import Array


@dataclass
class Experience:
    """All transitions seen so far: (observation, action, reward, next observation)."""

    observations: list[Array] = field(default_factory=list)
    actions: list[int] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    followers: list[Array] = field(default_factory=list)

    def add(self, observation: Array, action: int, reward: float, follower: Array) -> None:
        """Remembers one transition."""
        self.observations.append(observation)
        self.actions.append(action)
        self.rewards.append(reward)
        self.followers.append(follower)


def greedy(weights: Array, observation: Array) -> int:
    """The action of the highest value; weights (actions, features)."""
    return int(np.argmax(weights @ observation))


def learn(
    weights: Array, experience: Experience, learning_rate: float, discount: float, updates: int
) -> Array:
    """The weights after `updates` semi-gradient steps over all transitions at once.

    The gradient is averaged over the transitions of each action, so that an action that was
    tried rarely learns as fast as the others.
    """
    seen, followers = np.array(experience.observations), np.array(experience.followers)
    # Centred rewards (Naik et al. 2024): the values need not first learn the mean cost.
    rewards = np.array(experience.rewards) - np.mean(experience.rewards)
    actions = np.array(experience.actions)
    rows = np.arange(len(actions))
    taken = np.eye(len(weights))[:, actions]
    share = taken / np.maximum(taken.sum(axis=1, keepdims=True), 1.0)
    for _ in range(updates):
        target = rewards + discount * (weights @ followers.T).max(axis=0)
        error = target - (weights @ seen.T)[actions, rows]
        weights = weights + learning_rate * ((share * error) @ seen)
    return weights
