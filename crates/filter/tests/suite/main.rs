//! Filters, columns and payload edits from outside.

mod columns;
mod fixture;
mod nested;
mod order;
mod payload;
mod semantics;
