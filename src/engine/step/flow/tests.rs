//! Nodes whose work is a function of what they are handed.
