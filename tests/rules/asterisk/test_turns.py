"""How a Turn is performed, told with times and without an Asterisk."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.line import (
    DigitsEntered,
    Gone,
    Keys,
    Music,
    PromptsEnd,
    PromptsEnded,
    Recording,
    RecordingMade,
    Room,
    RoomEntered,
    Silence,
    Turn,
    Wait,
)
from callcenter.telephony.asterisk.turns import (
    ALONE,
    MUSIC,
    Action,
    GoTo,
    Guard,
    HangUp,
    Media,
    Place,
    Player,
    StartPlaying,
    StartRecording,
    StopPlaying,
    StopRecording,
    Tell,
)

PROMPT = Media(("/prompt",), 2000)
NONE = Media()


def begin(
    player: Player, wait: Wait, media: Media = NONE, rev: int = 1, now: int = 0
) -> list[Action]:
    return player.begin(Turn(player.leg, rev, (), wait), media, now)


def told(actions: list[Action]) -> list[object]:
    return [action.signal for action in actions if isinstance(action, Tell)]


@pytest.fixture
def player() -> Player:
    return Player("leg")


# --- keys ----------------------------------------------------------------------------------------


def test_the_first_time_counts_from_the_end_of_the_prompt(player: Player) -> None:
    assert begin(player, Keys(most=1, first_ms=500), PROMPT) == [
        StartPlaying("leg.1.0", ("/prompt",))
    ]
    assert player.played("leg.1.0", 2000) == []
    assert player.deadline == 2500
    assert player.tick(2499) == []
    assert told(player.tick(2500)) == [Silence("leg", 1)]
    assert player.deadline is None


def test_a_key_stops_the_prompt_and_counts(player: Player) -> None:
    begin(player, Keys(most=1), PROMPT)
    assert player.key("5", 100) == [StopPlaying("leg.1.0"), Tell(DigitsEntered("leg", 1, "5"))]
    assert player.played("leg.1.0", 110) == []  # the end that we asked for


def test_each_key_starts_the_time_between_keys(player: Player) -> None:
    begin(player, Keys(most=9, first_ms=5000, inter_ms=1000))
    assert player.deadline == 5000
    player.key("1", 4000)
    assert player.deadline == 5000
    player.key("2", 4900)
    assert player.deadline == 5900
    assert told(player.tick(5900)) == [DigitsEntered("leg", 1, "12")]


def test_the_finish_key_is_not_part_of_the_digits(player: Player) -> None:
    begin(player, Keys(most=9, finish="#"))
    player.key("7", 10)
    assert told(player.key("#", 20)) == [DigitsEntered("leg", 1, "7")]


def test_the_finish_key_alone_is_an_empty_entry_not_silence(player: Player) -> None:
    begin(player, Keys(most=9, finish="#*"))
    assert told(player.key("*", 20)) == [DigitsEntered("leg", 1, "")]


def test_without_barge_in_keys_are_dropped_until_the_prompt_ends(player: Player) -> None:
    begin(player, Keys(most=1, barge_in=False), PROMPT)
    assert player.key("1", 100) == []
    player.played("leg.1.0", 2000)
    assert told(player.key("2", 2100)) == [DigitsEntered("leg", 1, "2")]


def test_keys_after_the_answer_are_for_the_next_menu_whose_prompt_is_not_said(
    player: Player,
) -> None:
    begin(player, Keys(most=1))
    player.key("1", 10)
    assert player.key("2", 20) == player.key("3", 30) == []
    assert begin(player, Keys(most=1), PROMPT, rev=2) == [Tell(DigitsEntered("leg", 2, "2"))]
    actions = begin(player, Keys(most=4, inter_ms=700), PROMPT, rev=3, now=1000)
    assert actions == []  # one of four: the rest is awaited
    assert (player.typed, player.deadline) == ("3", 1700)


def test_keys_typed_ahead_do_not_outlive_a_recording(player: Player) -> None:
    begin(player, Keys(most=1))
    player.key("1", 10)
    player.key("2", 20)
    begin(player, Music(), rev=2)
    assert begin(player, Keys(most=1), PROMPT, rev=3)[-1] == StartPlaying("leg.3.0", ("/prompt",))


@given(st.lists(st.tuples(st.sampled_from("0123456789*#"), st.integers(1, 900)), max_size=12))
def test_digits_are_what_was_pressed_up_to_the_end(keys: list[tuple[str, int]]) -> None:
    player = Player("leg")
    begin(player, Keys(most=5, first_ms=10_000, inter_ms=1000, finish="#"))
    now, answers = 0, []
    for digit, gap in keys:
        now += gap
        answers += told(player.key(digit, now))
    answers += told(player.tick(now + 20_000))
    pressed = "".join(digit for digit, _ in keys)
    entered = pressed.split("#", maxsplit=1)[0][:5]
    expected = DigitsEntered("leg", 1, entered) if pressed else Silence("leg", 1)
    assert answers == [expected]


# --- other waits ---------------------------------------------------------------------------------


def test_a_key_ends_the_prompts_and_is_kept_for_the_menu_behind(player: Player) -> None:
    begin(player, PromptsEnd(), PROMPT)
    assert player.key("3", 10) == [StopPlaying("leg.1.0"), Tell(PromptsEnded("leg", 1))]
    assert told(begin(player, Keys(most=1), PROMPT, rev=2)) == [DigitsEntered("leg", 2, "3")]


def test_prompts_without_barge_in_play_to_their_end(player: Player) -> None:
    begin(player, PromptsEnd(barge_in=False), PROMPT)
    assert player.key("3", 10) == []
    assert told(player.played("leg.1.0", 2000)) == [PromptsEnded("leg", 1)]


def test_a_playback_whose_end_was_lost_ends_by_the_clock(player: Player) -> None:
    begin(player, PromptsEnd(), PROMPT)
    assert player.deadline == 7000
    assert player.tick(7000) == [StopPlaying("leg.1.0"), Tell(PromptsEnded("leg", 1))]


def test_a_recording_begins_after_its_prompt_and_ends_by_key(player: Player) -> None:
    wait = Recording("m1", most_s=10)
    begin(player, wait, PROMPT)
    assert player.played("leg.1.0", 2000) == [StartRecording(wait, 1)]
    assert player.key("5", 3000) == []
    assert player.key("#", 4000) == [StopRecording("m1")]
    assert player.recorded("m1", 2) == [Tell(RecordingMade("leg", 1, "m1", 2))]
    assert player.recorded("m1", 2) == []  # told once


def test_a_recording_ends_by_our_clock_too(player: Player) -> None:
    begin(player, Recording("m1", most_s=10))
    assert player.tick(10_500) == [StopRecording("m1")]
    assert told(player.tick(15_500)) == [RecordingMade("leg", 1, "m1", 10)]


def test_a_newer_turn_stops_the_recording_which_is_still_told_of(player: Player) -> None:
    begin(player, Recording("m1"))
    assert begin(player, Keys(most=1), rev=2) == [StopRecording("m1")]
    assert player.recorded("m1", 4) == [Tell(RecordingMade("leg", 1, "m1", 4))]
    assert told(player.key("1", 10)) == [DigitsEntered("leg", 2, "1")]


def test_music_ends_for_us_after_its_seconds_and_goes_on_for_the_caller(player: Player) -> None:
    assert begin(player, Music(seconds=3)) == [GoTo(MUSIC, 1)]
    assert told(player.tick(3000)) == [Silence("leg", 1)]
    assert begin(player, Music(keys="1"), PROMPT, rev=2, now=3000) == [
        StartPlaying("leg.2.0", ("/prompt",))
    ]
    assert player.played("leg.2.0", 5000) == []  # it never left
    assert player.key("2", 5100) == []
    assert told(player.key("1", 5200)) == [DigitsEntered("leg", 2, "1")]


def test_a_menu_leaves_the_music(player: Player) -> None:
    begin(player, Music())
    assert begin(player, Keys(most=1), rev=2) == [GoTo(ALONE, 2)]


# --- rooms ---------------------------------------------------------------------------------------


def test_talkers_are_not_guarded(player: Player) -> None:
    room = Place("r")
    assert begin(player, Room("r")) == [GoTo(room, 1, RoomEntered("leg", 1, "r")), Guard(on=False)]
    assert begin(player, Room("r", held=True), rev=2) == [
        GoTo(MUSIC, 2, RoomEntered("leg", 2, "r")),
        Guard(on=True),
    ]
    assert begin(player, Room("r"), rev=3) == [
        GoTo(room, 3, RoomEntered("leg", 3, "r")),
        Guard(on=False),
    ]


def test_who_is_in_the_room_already_is_not_interrupted() -> None:
    player = Player("leg", place=Place("r"))
    assert begin(player, Room("r"), PROMPT) == [GoTo(Place("r"), 1, RoomEntered("leg", 1, "r"))]


def test_muting_keeps_the_room() -> None:
    player = Player("leg", place=Place("r"))
    assert begin(player, Room("r", muted=True)) == [
        GoTo(Place("r", muted=True), 1, RoomEntered("leg", 1, "r"))
    ]


def test_prompts_are_said_outside_the_room_that_is_left(player: Player) -> None:
    begin(player, Room("r"))
    assert begin(player, Music(), PROMPT, rev=2) == [
        GoTo(ALONE, 2),
        Guard(on=True),
        StartPlaying("leg.2.0", ("/prompt",)),
    ]
    assert player.played("leg.2.0", 2000) == [GoTo(MUSIC, 2)]


def test_we_hang_up_after_the_steps(player: Player) -> None:
    begin(player, Gone(), PROMPT)
    assert player.played("leg.1.0", 2000) == [HangUp(1)]


# --- whatever happens ----------------------------------------------------------------------------

WAITS = st.sampled_from(
    [
        Keys(most=2, first_ms=100, inter_ms=100),
        Keys(most=2, barge_in=False, finish="#"),
        PromptsEnd(),
        PromptsEnd(barge_in=False),
        Recording("m1", most_s=1),
        Music(seconds=1, keys="12"),
        Room("r"),
        Room("r", held=True),
        Gone(),
    ]
)
HAPPENINGS = st.one_of(
    st.tuples(st.just("turn"), WAITS, st.sampled_from([NONE, PROMPT])),
    st.tuples(st.just("key"), st.sampled_from("12#")),
    st.tuples(st.just("played"), st.integers(0, 8)),
    st.tuples(st.just("recorded"), st.just("m1")),
    st.tuples(st.just("tick"), st.integers(1, 20_000)),
)


@given(st.lists(HAPPENINGS, max_size=30))
def test_every_turn_is_answered_at_most_once_and_with_its_own_rev(happenings: list[tuple]) -> None:  # type: ignore[type-arg]
    player, now, rev = Player("leg"), 0, 0
    answers: list[int] = []
    for what, *with_ in happenings:
        if what == "turn":
            rev += 1
            actions = player.begin(Turn("leg", rev, (), with_[0]), with_[1], now)
        elif what == "key":
            actions = player.key(with_[0], now)
        elif what == "played":
            actions = player.played(f"leg.{with_[0]}.0", now)
        elif what == "recorded":
            actions = player.recorded("m1", 1)
        else:
            now += with_[0]
            actions = player.tick(now)
        answers += [
            signal.rev  # type: ignore[attr-defined]
            for signal in told(actions)
            if not isinstance(signal, RecordingMade)
        ]
        assert player.deadline is None or player.deadline >= now
    assert len(answers) == len(set(answers))
    assert answers == sorted(answers)
