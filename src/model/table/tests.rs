//! Tables and rows as pure values.
