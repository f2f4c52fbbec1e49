"""Signed notes and keys, against the examples that the specification prints."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from predictions.transparency.notes import NoteError, Signer, Verifier, open_note

PUBLISHED_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED_NOTE = """This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
"""  # noqa: E501  (printed so in C2SP's signed-note)
SIGNER = Signer("example.org/log", bytes(range(32)))
NOTE = SIGNER.sign("one\n\ntwo\n")


def test_published_note_is_verified_by_the_published_key() -> None:
    verifier = Verifier.from_vkey(PUBLISHED_KEY)
    assert verifier.vkey == PUBLISHED_KEY
    assert open_note(PUBLISHED_NOTE, [verifier]) == "This is an example message.\n"


def test_note_signed_here_opens_with_its_key_among_others() -> None:
    other = Signer.generate("example.org/other")
    signed_twice = NOTE + other.sign("one\n\ntwo\n").rpartition("\n\n")[2]
    for note in (NOTE, signed_twice):
        assert open_note(note, [SIGNER.verifier]) == "one\n\ntwo\n"
    assert open_note(signed_twice, [other.verifier]) == "one\n\ntwo\n"


@given(st.integers(0, len(NOTE) - 1), st.characters(min_codepoint=32, max_codepoint=0x2FF))
def test_altered_note_is_refused(at: int, character: str) -> None:
    altered = NOTE[:at] + character + NOTE[at + 1 :]
    if altered == NOTE:
        return
    with pytest.raises(NoteError):
        open_note(altered, [SIGNER.verifier])


def test_note_that_nobody_trusted_signed_is_refused() -> None:
    with pytest.raises(NoteError, match="no trusted key"):
        open_note(NOTE, [])
    namesake = Signer.generate(SIGNER.name).verifier
    with pytest.raises(NoteError, match="no trusted key"):
        open_note(NOTE, [namesake])


@pytest.mark.parametrize(
    "text",
    ["", "text", "text\n", "text\n\n", "text\n\nsigned", NOTE[:-1], NOTE + "more", "\t" + NOTE,
     "text\n\n— name notbase64!\n", "text\n\n— na+me AAAAAAAA\n", "text\n\n— name AAAA\n",
     "x" * 200_000 + NOTE],
)  # fmt: skip
def test_text_that_is_no_note_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        open_note(text, [SIGNER.verifier])


def test_signer_key_is_kept_as_text_and_not_shown() -> None:
    kept = Signer.from_text(SIGNER.text + "\n")
    assert kept == SIGNER
    assert SIGNER.text.startswith("PRIVATE+KEY+example.org/log+")
    assert SIGNER.secret.hex() not in repr(SIGNER) and str(SIGNER.secret) not in repr(SIGNER)


@pytest.mark.parametrize(
    "text",
    ["", "PRIVATE+KEY+", SIGNER.verifier.vkey, SIGNER.text[:-8],
     SIGNER.text.replace("log+", "leg+"), "PRIVATE+KEY+a b+00000000+AQ=="],
)  # fmt: skip
def test_damaged_signer_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Signer.from_text(text)


@pytest.mark.parametrize(
    "text",
    ["", "name", "name+id", PUBLISHED_KEY.replace("530d903a", "530d903b"), PUBLISHED_KEY[:-4],
     "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", "a b+00+AQ=="],
)  # fmt: skip
def test_text_that_is_no_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        Verifier.from_vkey(text)


@pytest.mark.parametrize("name", ["", "with space", "with+plus", "with\ttab", "with\u2003space"])
def test_key_is_not_made_under_a_name_that_notes_cannot_hold(name: str) -> None:
    with pytest.raises(NoteError):
        Signer.generate(name)


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n"])
def test_text_that_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError):
        SIGNER.sign(text)
