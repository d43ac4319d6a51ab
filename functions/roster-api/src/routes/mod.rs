//! One module a resource. The list of all routes stands here.

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
mod manual;
mod own_data;
mod people;
mod pins;
mod review;
mod rosters;
mod runs;
mod syncing;

use axum::http::Method;

use crate::access::Operation as Op;
use crate::router::Routes;
use crate::{Objects, Table};

/// Adds every route there is.
pub(crate) fn add_all<T: Table, O: Objects>(routes: Routes<T, O>) -> Routes<T, O> {
    let (get, put, post, delete) = (Method::GET, Method::PUT, Method::POST, Method::DELETE);
    let routes = routes
        .add(post.clone(), "", Op::CreateDistrict, districts::create::<T, O>)
        .add(get.clone(), "", Op::ReadDistrict, districts::get::<T, O>)
        .add(get.clone(), "/settings", Op::ReadSettings, districts::settings::<T, O>)
        .add(put.clone(), "/settings", Op::ChangeSettings, districts::change::<T, O>)
        .add(post.clone(), "/sync", Op::SwitchSync, syncing::switch::<T, O>)
        .add(post.clone(), "/pause", Op::PauseSync, syncing::pause::<T, O>)
        .add(post.clone(), "/resume", Op::PauseSync, syncing::resume::<T, O>)
        .add(post.clone(), "/erasure", Op::EraseDistrict, erasing::erase::<T, O>)
        .add(get.clone(), "/erasure", Op::EraseDistrict, erasing::certificate::<T, O>)
        .add(get.clone(), "/schools", Op::ReadSchools, directory::schools::<T, O>)
        .add(
            get.clone(),
            "/schools/{school}/directory",
            Op::ReadDirectory,
            directory::search::<T, O>,
        )
        .add(post.clone(), "/people/lookup", Op::LookUpEmail, people::look_up::<T, O>);
    let routes = routes
        .add(post.clone(), "/people/{kind}", Op::AddPerson, manual::add_person::<T, O>)
        .add(get.clone(), "/people/{kind}/{person}", Op::ReadPerson, people::get::<T, O>)
        .add(
            get.clone(),
            "/people/{kind}/{person}/last-change",
            Op::ReadLastChange,
            changes::last_of_person::<T, O>,
        )
        .add(
            put.clone(),
            "/people/{kind}/{person}/name",
            Op::ChangeName,
            own_data::put_name::<T, O>,
        )
        .add(
            delete.clone(),
            "/people/{kind}/{person}/name",
            Op::ChangeName,
            own_data::delete_name::<T, O>,
        )
        .add(
            put.clone(),
            "/people/{kind}/{person}/contact",
            Op::ChangeContact,
            own_data::put_contact::<T, O>,
        )
        .add(
            delete.clone(),
            "/people/{kind}/{person}/contact",
            Op::ChangeContact,
            own_data::delete_contact::<T, O>,
        )
        .add(
            put.clone(),
            "/people/{kind}/{person}/sign-in-email",
            Op::SetSignInEmail,
            own_data::put_sign_in::<T, O>,
        )
        .add(
            delete.clone(),
            "/people/{kind}/{person}/sign-in-email",
            Op::SetSignInEmail,
            own_data::delete_sign_in::<T, O>,
        )
        .add(
            put.clone(),
            "/people/{kind}/{person}/account",
            Op::SwitchAccount,
            accounts::switch::<T, O>,
        )
        .add(
            post.clone(),
            "/people/{kind}/{person}/account/accept",
            Op::AcceptInvitation,
            accounts::accept::<T, O>,
        )
        .add(
            post.clone(),
            "/people/{kind}/{person}/sign-ins",
            Op::RecordSignIn,
            accounts::signed_in::<T, O>,
        )
        .add(put.clone(), "/people/{kind}/{person}/pin", Op::Pin, pins::put_person::<T, O>)
        .add(delete.clone(), "/people/{kind}/{person}/pin", Op::Pin, pins::delete_person::<T, O>)
        .add(
            post.clone(),
            "/people/{kind}/{person}/guardians",
            Op::AddGuardian,
            guardians::add::<T, O>,
        )
        .add(
            delete.clone(),
            "/people/{kind}/{person}/guardians/{guardian}",
            Op::AddGuardian,
            guardians::remove::<T, O>,
        );
    let routes = routes
        .add(post.clone(), "/classes", Op::CreateClass, manual::create_class::<T, O>)
        .add(get.clone(), "/classes/{class}", Op::ReadClass, classes::get::<T, O>)
        .add(put.clone(), "/classes/{class}", Op::ChangeClass, manual::change_class::<T, O>)
        .add(
            post.clone(),
            "/classes/{class}/archive",
            Op::ChangeClass,
            manual::archive_class::<T, O>,
        )
        .add(get.clone(), "/classes/{class}/people", Op::ReadClass, classes::people::<T, O>)
        .add(
            get.clone(),
            "/classes/{class}/last-change",
            Op::ReadLastChange,
            changes::last_of_class::<T, O>,
        )
        .add(put.clone(), "/classes/{class}/custom-name", Op::NameClass, classes::put_name::<T, O>)
        .add(
            delete.clone(),
            "/classes/{class}/custom-name",
            Op::NameClass,
            classes::delete_name::<T, O>,
        )
        .add(post.clone(), "/classes/{class}/students", Op::EditRoster, rosters::add::<T, O>)
        .add(
            delete.clone(),
            "/classes/{class}/students/{student}",
            Op::EditRoster,
            rosters::remove::<T, O>,
        )
        .add(post.clone(), "/classes/{class}/teachers", Op::EditCoTeachers, coteachers::add::<T, O>)
        .add(
            delete.clone(),
            "/classes/{class}/teachers/{teacher}",
            Op::EditCoTeachers,
            coteachers::remove::<T, O>,
        )
        .add(
            put.clone(),
            "/classes/{class}/join-code",
            Op::MakeJoinCode,
            joining::make_code::<T, O>,
        )
        .add(
            delete.clone(),
            "/classes/{class}/join-code",
            Op::MakeJoinCode,
            joining::delete_code::<T, O>,
        )
        .add(put.clone(), "/classes/{class}/pin", Op::Pin, pins::put_class::<T, O>)
        .add(delete.clone(), "/classes/{class}/pin", Op::Pin, pins::delete_class::<T, O>)
        .add(
            put.clone(),
            "/classes/{class}/students/{student}/pin",
            Op::Pin,
            pins::put_student_seat::<T, O>,
        )
        .add(
            delete.clone(),
            "/classes/{class}/students/{student}/pin",
            Op::Pin,
            pins::delete_student_seat::<T, O>,
        )
        .add(
            put.clone(),
            "/classes/{class}/teachers/{teacher}/pin",
            Op::Pin,
            pins::put_teacher_seat::<T, O>,
        )
        .add(
            delete.clone(),
            "/classes/{class}/teachers/{teacher}/pin",
            Op::Pin,
            pins::delete_teacher_seat::<T, O>,
        )
        .add(post.clone(), "/joins", Op::JoinClass, joining::join::<T, O>);
    routes
        .add(get.clone(), "/groups", Op::ReadGroups, groups::list::<T, O>)
        .add(get.clone(), "/groups/members", Op::ReadGroups, groups::members::<T, O>)
        .add(get.clone(), "/links/{kind}/{source}", Op::LinkIdentity, links::get::<T, O>)
        .add(put, "/links/{kind}/{source}", Op::LinkIdentity, links::put::<T, O>)
        .add(delete, "/links/{kind}/{source}", Op::LinkIdentity, links::delete::<T, O>)
        .add(get.clone(), "/runs", Op::ReadRuns, runs::list::<T, O>)
        .add(post.clone(), "/runs", Op::PullNow, syncing::pull::<T, O>)
        .add(get.clone(), "/runs/{run}", Op::ReadRuns, runs::get::<T, O>)
        .add(get.clone(), "/runs/{run}/report", Op::ReadRuns, runs::report::<T, O>)
        .add(get.clone(), "/runs/{run}/findings", Op::ReadRuns, runs::findings::<T, O>)
        .add(get.clone(), "/runs/{run}/plan", Op::ReadRuns, runs::plan::<T, O>)
        .add(get.clone(), "/runs/{run}/review", Op::ReadRuns, review::review::<T, O>)
        .add(post.clone(), "/runs/{run}/decision", Op::DecideRun, runs::decide::<T, O>)
        .add(post.clone(), "/runs/{run}/undo", Op::UndoRun, runs::undo::<T, O>)
        .add(post.clone(), "/runs/{run}/restore", Op::UndoRun, runs::restore::<T, O>)
        .add(get, "/changes", Op::ReadChanges, changes::feed::<T, O>)
        .add(post, "/explain", Op::Explain, explaining::explain::<T, O>)
}
