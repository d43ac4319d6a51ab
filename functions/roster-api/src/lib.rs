//! The API through which an application and its people see and edit the rosters.
