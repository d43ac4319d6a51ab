//! The handlers, one module per resource, and the list of all routes.

mod accounts;
mod changes;
mod classes;
mod coteachers;
mod directory;
mod districts;
mod erasing;
mod explaining;
mod groups;
mod guardians;
mod joining;
mod links;
mod listing;
mod manual;
mod own_data;
mod people;
mod pins;
mod review;
mod rosters;
mod runs;
mod syncing;

use axum::handler::Handler;
use axum::http::Method;

use crate::access::Operation as Op;
use crate::endpoint::Endpoint;
use crate::{Api, Objects, Table};

macro_rules! methods {
    ($($name:ident = $method:ident;)*) => {
        $(fn $name<T: Table, O: Objects, H: Handler<M, Api<T, O>>, M: 'static>(
            below: &str,
            operation: Op,
            handler: H,
        ) -> Endpoint<T, O> {
            Endpoint::new(Method::$method, below, operation, handler)
        })*
    };
}

methods! {
    get = GET;
    put = PUT;
    post = POST;
    delete = DELETE;
}

/// Returns all routes with their handlers.
pub(crate) fn all<T: Table, O: Objects>() -> Vec<Endpoint<T, O>> {
    vec![
        post("", Op::CreateDistrict, districts::create::<T, O>),
        get("", Op::ReadDistrict, districts::get::<T, O>),
        get("/settings", Op::ReadSettings, districts::settings::<T, O>),
        put("/settings", Op::ChangeSettings, districts::change::<T, O>),
        post("/sync", Op::SwitchSync, syncing::switch::<T, O>),
        post("/pause", Op::PauseSync, syncing::pause::<T, O>),
        post("/resume", Op::PauseSync, syncing::resume::<T, O>),
        post("/erasure", Op::EraseDistrict, erasing::erase::<T, O>),
        get("/erasure", Op::EraseDistrict, erasing::certificate::<T, O>),
        get("/schools", Op::ReadSchools, directory::schools::<T, O>),
        get("/schools/{school}/directory", Op::ReadDirectory, directory::search::<T, O>),
        post("/people/lookup", Op::LookUpEmail, people::look_up::<T, O>),
        post("/people/{kind}", Op::AddPerson, manual::add_person::<T, O>),
        get("/people/{kind}/{person}", Op::ReadPerson, people::get::<T, O>),
        get(
            "/people/{kind}/{person}/last-change",
            Op::ReadLastChange,
            changes::last_of_person::<T, O>,
        ),
        put("/people/{kind}/{person}/name", Op::ChangeName, own_data::put_name::<T, O>),
        delete("/people/{kind}/{person}/name", Op::ChangeName, own_data::delete_name::<T, O>),
        put("/people/{kind}/{person}/contact", Op::ChangeContact, own_data::put_contact::<T, O>),
        delete(
            "/people/{kind}/{person}/contact",
            Op::ChangeContact,
            own_data::delete_contact::<T, O>,
        ),
        put(
            "/people/{kind}/{person}/sign-in-email",
            Op::SetSignInEmail,
            own_data::put_sign_in::<T, O>,
        ),
        delete(
            "/people/{kind}/{person}/sign-in-email",
            Op::SetSignInEmail,
            own_data::delete_sign_in::<T, O>,
        ),
        put("/people/{kind}/{person}/account", Op::SwitchAccount, accounts::switch::<T, O>),
        post(
            "/people/{kind}/{person}/account/accept",
            Op::AcceptInvitation,
            accounts::accept::<T, O>,
        ),
        post("/people/{kind}/{person}/sign-ins", Op::RecordSignIn, accounts::signed_in::<T, O>),
        put("/people/{kind}/{person}/pin", Op::Pin, pins::put_person::<T, O>),
        delete("/people/{kind}/{person}/pin", Op::Pin, pins::delete_person::<T, O>),
        post("/people/{kind}/{person}/guardians", Op::AddGuardian, guardians::add::<T, O>),
        delete(
            "/people/{kind}/{person}/guardians/{guardian}",
            Op::AddGuardian,
            guardians::remove::<T, O>,
        ),
        post("/classes", Op::CreateClass, manual::create_class::<T, O>),
        get("/classes/{class}", Op::ReadClass, classes::get::<T, O>),
        put("/classes/{class}", Op::ChangeClass, manual::change_class::<T, O>),
        post("/classes/{class}/archive", Op::ChangeClass, manual::archive_class::<T, O>),
        get("/classes/{class}/people", Op::ReadClass, classes::people::<T, O>),
        get("/classes/{class}/last-change", Op::ReadLastChange, changes::last_of_class::<T, O>),
        put("/classes/{class}/custom-name", Op::NameClass, classes::put_name::<T, O>),
        delete("/classes/{class}/custom-name", Op::NameClass, classes::delete_name::<T, O>),
        post("/classes/{class}/students", Op::EditRoster, rosters::add::<T, O>),
        delete("/classes/{class}/students/{student}", Op::EditRoster, rosters::remove::<T, O>),
        post("/classes/{class}/teachers", Op::EditCoTeachers, coteachers::add::<T, O>),
        delete(
            "/classes/{class}/teachers/{teacher}",
            Op::EditCoTeachers,
            coteachers::remove::<T, O>,
        ),
        put("/classes/{class}/join-code", Op::MakeJoinCode, joining::make_code::<T, O>),
        delete("/classes/{class}/join-code", Op::MakeJoinCode, joining::delete_code::<T, O>),
        put("/classes/{class}/pin", Op::Pin, pins::put_class::<T, O>),
        delete("/classes/{class}/pin", Op::Pin, pins::delete_class::<T, O>),
        put("/classes/{class}/students/{student}/pin", Op::Pin, pins::put_enrollment::<T, O>),
        delete("/classes/{class}/students/{student}/pin", Op::Pin, pins::delete_enrollment::<T, O>),
        put("/classes/{class}/teachers/{teacher}/pin", Op::Pin, pins::put_enrollment::<T, O>),
        delete("/classes/{class}/teachers/{teacher}/pin", Op::Pin, pins::delete_enrollment::<T, O>),
        post("/joins", Op::JoinClass, joining::join::<T, O>),
        get("/groups", Op::ReadGroups, groups::list::<T, O>),
        get("/groups/members", Op::ReadGroups, groups::members::<T, O>),
        get("/links/{kind}/{source}", Op::LinkIdentity, links::get::<T, O>),
        put("/links/{kind}/{source}", Op::LinkIdentity, links::put::<T, O>),
        delete("/links/{kind}/{source}", Op::LinkIdentity, links::delete::<T, O>),
        get("/runs", Op::ReadRuns, runs::list::<T, O>),
        post("/runs", Op::PullNow, syncing::pull::<T, O>),
        get("/runs/{run}", Op::ReadRuns, runs::get::<T, O>),
        get("/runs/{run}/report", Op::ReadRuns, runs::report::<T, O>),
        get("/runs/{run}/report.html", Op::ReadRuns, runs::report_page::<T, O>),
        get("/runs/{run}/findings.csv", Op::ReadRuns, runs::findings_csv::<T, O>),
        get("/runs/{run}/findings", Op::ReadRuns, runs::findings::<T, O>),
        get("/runs/{run}/plan", Op::ReadRuns, runs::plan::<T, O>),
        get("/runs/{run}/review", Op::ReadRuns, review::review::<T, O>),
        post("/runs/{run}/decision", Op::DecideRun, runs::decide::<T, O>),
        post("/runs/{run}/undo", Op::UndoRun, runs::undo::<T, O>),
        post("/runs/{run}/restore", Op::UndoRun, runs::restore::<T, O>),
        get("/changes", Op::ReadChanges, changes::feed::<T, O>),
        post("/explain", Op::Explain, explaining::explain::<T, O>),
    ]
}
