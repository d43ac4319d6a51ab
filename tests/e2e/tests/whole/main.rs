//! The whole system, as districts, events and bad days treat it. One binary: linking the SDKs once is enough.

mod back;
mod bad_input;
mod defects;
mod events;
mod faults;
mod nights;
mod seeds;
mod walls;
