"""Tables of labels, as simulators publish them."""

from types import SimpleNamespace

import pytest

from segan_ros.messages.images import MessageError
from segan_ros.messages.label_names import to_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('{"2": "cup", "10": "hand"}', {2: "cup", 10: "hand"}),
        (
            '{"0": {"class": "BACKGROUND"}, "2": {"class": "cup"}, "3": {"shape": "round"}, '
            '"time_stamp": {"sec": "7", "nanosec": "9"}}',
            {2: "cup"},
        ),
        ('{"-1": "a", "x": "b", "0": "c", "4": 5}', {}),
        (f'{{"{2**31}": "a", "{"9" * 5000}": "b", "5": "c"}}', {5: "c"}),
        ("{}", {}),
    ],
)
def test_classes_are_read_by_label(text, names):
    assert to_names(SimpleNamespace(data=text)) == names


@pytest.mark.parametrize("text", ["", "cup", "[1, 2]", '"cup"', "{", "[" * 200_000])
def test_what_is_no_table_is_refused_with_an_example(text):
    with pytest.raises(MessageError, match=r'send a JSON object .* such as \{"2": "cup"\}'):
        to_names(SimpleNamespace(data=text))
