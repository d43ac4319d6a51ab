//! Tests of the whole system. They share one binary, because linking the SDKs takes long.

mod api;
mod api_walls;
mod back;
mod bad_input;
mod canary;
mod clever;
mod clever_districts;
mod clever_faults;
mod clever_world;
mod damaged;
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
