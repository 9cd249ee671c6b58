//! Nothing: the second client lives in the tests.
