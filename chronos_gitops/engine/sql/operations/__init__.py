"""Operations in one transaction each."""
