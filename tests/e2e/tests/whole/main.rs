//! The whole system, as districts, events and bad days treat it. One binary: linking the SDKs once
//! is enough.

mod api;
mod api_walls;
mod back;
mod bad_input;
mod canary;
mod clever;
mod clever_faults;
mod defects;
mod events;
mod faults;
mod nights;
mod notices;
mod onboarding;
mod oneroster;
mod operators;
mod seeds;
mod walls;
