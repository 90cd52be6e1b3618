"""A replay of the loop on labelled images: its arms, its seeds, and how many labels each turn has.

All arms of a seed share the first batch, drawn at random, and the model trained on it; then each goes its own way.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labelloop.core.errors import ConfigError
from labelloop.core.strategies.table import STRATEGIES

BALANCED = "class_balanced"
FEWEST_SEEDS = 2


@dataclass(frozen=True)
class Arm:
    """A way of choosing, followed through all turns.

    Attributes:
        name: What it is called in tables and folders.
        strategy: A strategy of `STRATEGIES`.
        class_balanced: Whether classes are balanced among what the strategy proposes.
        stream: Another word, another stream of random numbers.
    """

    name: str
    strategy: str
    class_balanced: bool = False
    stream: str = ""


RANDOM = Arm("random", "random")
# Random drawn anew: what differs between these two is what chance alone does.
AGAIN = Arm("random-again", "random", stream="again")


@dataclass(frozen=True)
class Plan:
    """What is replayed.

    Attributes:
        arms: Random twice, then what is compared with it.
        seeds: How many times, each with numbers of its own.
        labels: Images of the pool that are labelled at each turn, ascending.
    """

    arms: tuple[Arm, ...]
    seeds: int
    labels: tuple[int, ...]

    @property
    def iterations(self) -> list[str]:
        """Names of the turns."""
        return [f"v{number}" for number in range(len(self.labels))]

    @property
    def budgets(self) -> list[int]:
        """Images in the batch of each turn."""
        return [now - before for before, now in zip((0, *self.labels), self.labels, strict=False)]

    @property
    def trainings(self) -> int:
        """Models in all."""
        return self.seeds * (1 + len(self.arms) * (len(self.labels) - 1))


def arm_name(strategy: str, *, class_balanced: bool) -> str:
    """Name of the arm that chooses as these settings do."""
    return f"{strategy}+{BALANCED}" if class_balanced else strategy


def plan_of(strategies: str, seeds: int, labels: str) -> Plan:
    """The plan that a command asks for.

    Args:
        strategies: Names separated by commas, each with `+class_balanced` behind it where classes are balanced.
        seeds: How many times everything is replayed.
        labels: Numbers of labelled images, ascending, separated by commas.

    Raises:
        ConfigError: If a strategy is unknown or named twice, there are too few seeds, or the numbers do not ascend.
    """
    if seeds < FEWEST_SEEDS:
        raise ConfigError(f"--seeds {seeds}: one replay cannot tell gain from chance", "Ask for 2 or more, better 5.")
    return Plan((RANDOM, AGAIN, *_others(_words(strategies))), seeds, _ascending(_words(labels)))


def widened(plan: Plan, names: Iterable[str], seeds: int) -> Plan:
    """A plan with what was replayed before beside what is asked: names of arms, others are ignored, and seeds."""
    there = {arm.name for arm in plan.arms}
    more = [name for name in sorted(set(names) - there) if _is_arm(name)]
    return Plan((*plan.arms, *map(_arm, more)), max(plan.seeds, seeds), plan.labels)


def _is_arm(name: str) -> bool:
    strategy, _, modifier = name.partition("+")
    return strategy in STRATEGIES and modifier in ("", BALANCED)


def _others(names: Sequence[str]) -> Iterable[Arm]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigError(f"--strategies names {', '.join(twice)} more than once")
    arms = [_arm(name) for name in names if name not in (RANDOM.name, AGAIN.name)]
    if not arms:
        raise ConfigError(
            "--strategies names nothing that random could be compared with", f"Name some of {', '.join(STRATEGIES)}."
        )
    return arms


def _arm(name: str) -> Arm:
    if not _is_arm(name):
        raise ConfigError(
            f"--strategies: {name!r} is no query strategy",
            f"Choose some of {', '.join(STRATEGIES)}, each with +{BALANCED} behind it if you like.",
        )
    strategy, _, modifier = name.partition("+")
    return Arm(name, strategy, class_balanced=modifier == BALANCED)


def _ascending(words: Sequence[str]) -> tuple[int, ...]:
    remedy = "Give ascending numbers of labelled images, such as --budget 40,80,120."
    if not all(word.isdigit() for word in words):
        raise ConfigError(f"--budget {','.join(words)} is no list of whole numbers", remedy)
    numbers = tuple(map(int, words))
    if len(numbers) < 2 or numbers[0] < 1 or list(numbers) != sorted(set(numbers)):
        raise ConfigError(
            f"--budget {','.join(words)}: the first batch is the same for all arms, so there must be a larger number "
            "behind it, and so on",
            remedy,
        )
    return numbers


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]
