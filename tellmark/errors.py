"""The errors a user can meet. Each carries its exit code and says what to do next.

TellmarkError
├── UsageError      2  the call is wrong: a missing consent, an existing output, an unknown name
├── InputError      3  a file cannot be read or used: damaged, empty, no face in it
│   ├── MediaError     not a video, picture or sound that FFmpeg can decode
│   └── FaceError      no face, or none that can be used
└── InternalError   4  our fault, or the machine's
"""


class TellmarkError(Exception):
    """Base of every error meant for the user; ``str(error)`` is one sentence that says what to do."""

    exit_code = 4


class UsageError(TellmarkError):
    """The call itself is wrong."""

    exit_code = 2


class InputError(TellmarkError):
    """An input cannot be read or used."""

    exit_code = 3


class MediaError(InputError):
    """A file is not a video, picture or sound that can be decoded."""


class FaceError(InputError):
    """A picture or video holds no face that can be used."""


class InternalError(TellmarkError):
    """Something failed that the user could not have prevented."""

    exit_code = 4
