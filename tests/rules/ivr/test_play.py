"""Being the caller in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from callcenter import resources
from callcenter.ivr import needs
from callcenter.ivr.loader import load
from callcenter.ivr.play import play
from callcenter.ivr.pretend import Pretend, PretendCase
from callcenter.ivr.visit import Visit
from tests.rules.ivr.small import NOW

FLOWS = load(resources.flows())
SUNDAY = NOW - 2 * 86_400_000


def played(
    lines: Iterable[str], now: int = NOW, pretend: Pretend | None = None
) -> tuple[list[str], Visit]:
    """What was written, with what was asked for and typed; then the end of input."""
    typed: Iterator[str] = iter(lines)
    written: list[str] = []

    def read(prompt: str) -> str | None:
        text = next(typed, None)
        written.append(prompt if text is None else prompt + text)
        return text

    visit = play(FLOWS, read=read, write=written.append, now=now, pretend=pretend)
    return written, visit


def test_a_complaint_from_end_to_end() -> None:
    written, visit = played(["1", "1", "", "what?", "/agent", "*", "1"])
    assert written[1:3] == [
        "  Selamat datang di layanan pengaduan Kementerian Ketenagakerjaan. "
        "For English, press nine.",
        "  Untuk membuat pengaduan baru, tekan satu.",
    ]
    assert "  · topic_chosen topic=upah" in written
    assert "music 30 s> " in written
    assert written[written.index("music 30 s> what?") + 1].startswith("(keys: press them")
    assert "  PIN Anda: dua tujuh satu" in written
    assert "  delapan dua delapan" in written
    assert written[-1] == "(the call is over)"
    assert visit.finished


def test_time_passes_with_the_music() -> None:
    written, visit = played(["0", *[""] * 40])
    assert any("Anda sudah menunggu lama" in text for text in written)
    assert visit.finished


def test_a_message_on_a_sunday() -> None:
    pretend = Pretend()
    written, _ = played(["9", "1", "4", "2", "1", "1", "we work without helmets"], SUNDAY, pretend)
    assert "speak> we work without helmets" in written
    assert [message.seconds for message in pretend.appended] == [2]
    assert "  We have saved your message. Our staff will follow it up." in " ".join(written)


def test_a_status_and_the_end_of_input_is_a_hang_up() -> None:
    case = PretendCase("2648151621", "123456", "routed", "phk", "PHI")
    pretend = Pretend(cases={case.number: case})
    written, visit = played(["2", "2648151621#", "123456"], pretend=pretend)
    assert any("sudah kami teruskan kepada pihak yang berwenang" in text for text in written)
    assert visit.finished
    assert pretend.asked == ["find_case"]


def test_an_agent_who_is_lost() -> None:
    written, _ = played(["0", "/lost", "/hangup"], pretend=Pretend(needs.Staff(1, 0, 2, 200)))
    assert any("Anda kami dahulukan" in text for text in written)


def test_commands_for_the_queue_mean_nothing_elsewhere() -> None:
    written, _ = played(["/agent", "/hangup"])
    assert sum(text.startswith("(keys: press them") for text in written) == 2
