//! Scripts, case by case.
