"""What is compiled anew is told of, once."""

from numba import njit

from stream_processors.operations.compiling import SENTENCE, told_of_compiling


def test_code_that_is_compiled_is_told_of_once_and_code_at_hand_is_not():
    @njit
    def double(number):
        return 2 * number

    told: list[str] = []
    with told_of_compiling(told.append):
        assert double(2) == 4
        assert double(2.5) == 5.0
    assert told == [SENTENCE]
    with told_of_compiling(told.append):
        assert double(3) == 6
    assert len(told) == 1
