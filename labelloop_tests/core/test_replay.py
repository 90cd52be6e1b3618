import pytest

from labelloop.core.errors import ConfigError
from labelloop.core.replay import AGAIN, RANDOM, Arm, arm_name, plan_of, widened


def test_random_is_replayed_twice_whatever_is_asked():
    plan = plan_of("zcore, random ,hybrid+class_balanced", 3, "40,80, 120")
    assert plan.arms == (RANDOM, AGAIN, Arm("zcore", "zcore"), Arm("hybrid+class_balanced", "hybrid", True))
    assert plan.iterations == ["v0", "v1", "v2"]
    assert plan.labels == (40, 80, 120)
    assert plan.budgets == [40, 40, 40]
    assert plan.trainings == 3 * (1 + 4 * 2)


def test_an_arm_is_called_as_the_command_line_calls_it():
    assert arm_name("hybrid", class_balanced=False) == "hybrid"
    [arm] = plan_of(arm_name("hybrid", class_balanced=True), 2, "1,2").arms[2:]
    assert (arm.strategy, arm.class_balanced) == ("hybrid", True)


@pytest.mark.parametrize(
    ("strategies", "seeds", "labels", "said"),
    [
        ("qbc", 3, "40,80", "'qbc' is no query strategy. Choose some of hybrid, "),
        ("zcore+balanced", 3, "40,80", "'zcore+balanced' is no query strategy"),
        ("zcore,zcore", 3, "40,80", "names zcore more than once"),
        ("random", 3, "40,80", "nothing that random could be compared with"),
        ("", 3, "40,80", "nothing that random could be compared with"),
        ("zcore", 1, "40,80", "one replay cannot tell gain from chance"),
        ("zcore", 0, "40,80", "one replay cannot tell gain from chance"),
        ("zcore", 3, "80,40", "--budget 80,40"),
        ("zcore", 3, "40,40", "--budget 40,40"),
        ("zcore", 3, "40", "the first batch is the same for all arms"),
        ("zcore", 3, "0,40", "--budget 0,40"),
        ("zcore", 3, "40,8x", "--budget 40,8x is no list of whole numbers"),
        ("zcore", 3, "-4,8", "--budget -4,8 is no list of whole numbers"),
        ("zcore", 3, "", "the first batch is the same"),
    ],
)
def test_what_cannot_be_replayed_is_refused(strategies, seeds, labels, said):
    with pytest.raises(ConfigError) as refused:
        plan_of(strategies, seeds, labels)
    assert said in str(refused.value)


def test_what_was_replayed_before_is_in_the_tables_too():
    plan = widened(
        plan_of("zcore", 2, "10,20"), ["start", "hybrid", "zcore", "random", "logs", "entropy+class_balanced"], 5
    )
    assert [arm.name for arm in plan.arms] == ["random", "random-again", "zcore", "entropy+class_balanced", "hybrid"]
    assert (plan.seeds, plan.labels) == (5, (10, 20))
