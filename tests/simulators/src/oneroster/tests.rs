//! Reads the simulator with the real client over HTTP.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use districts::{District, Night, Size, Version};
use roster::policy::Policy;
use roster::settings::{ClassLink, OneRoster, OneRosterVersion, SignIn, SourceSettings};
use sources::classlink::{Applications, TenantsError, api};
use sources::http::{HttpClient, NoAnswer, RealWait, Secret};
use sources::oneroster_rest::memory::Fault;
use sources::oneroster_rest::{
    Access, Api, Client, Pages, Progress, PullError, PullState, Pulled, Resource, Scrub,
};

use super::{Authentication, OneRosterSimulator};

type StoredPages = BTreeMap<(Resource, u32), Vec<u8>>;

/// Keeps pages in memory.
struct PageStore(Scrub, Mutex<StoredPages>);

impl Pages for PageStore {
    type Error = Infallible;

    fn wants(&self, list: Resource) -> bool {
        self.0.wants(list)
    }

    async fn keep(
        &self,
        list: Resource,
        number: u32,
        body: Vec<u8>,
        _: &Progress,
    ) -> Result<(), Infallible> {
        self.1.lock().unwrap().insert((list, number), body);
        Ok(())
    }
}

fn night(version: Version) -> Night {
    District::new(Size::students(120)).version(version).night(0)
}

async fn simulator() -> OneRosterSimulator {
    OneRosterSimulator::start("partner-key").await.unwrap()
}

fn client(api: Api, access: Access) -> Client<HttpClient, RealWait> {
    Client {
        http: HttpClient::new().unwrap(),
        wait: RealWait,
        now: Arc::new(jiff::Timestamp::now),
        api,
        access,
    }
}

/// Pulls everything, and returns the number of users.
async fn pull(client: &Client<HttpClient, RealWait>) -> Result<u64, PullError<Infallible>> {
    let policy = Policy::from_preset("sis", &serde_json::Map::new()).unwrap();
    let kept = PageStore(Scrub::of(&policy, &SourceSettings::default()), Mutex::default());
    let mut state = PullState::default();
    let ended = client.pull(&kept, &mut state, fastrand::Rng::with_seed(3), || false).await?;
    assert_eq!(ended, Pulled::Whole);
    Ok(state.lists[&Resource::Users].records)
}

fn users(night: &Night) -> u64 {
    let mut count = 0;
    night.objects(districts::File::Users, |_, _| count += 1);
    count
}

#[tokio::test]
async fn both_versions_are_read_with_every_authentication() {
    let simulator = simulator().await;
    let (client_id, client_secret) = ("rollbook+1", "open sesame&/%");
    let secret = Secret::new(
        serde_json::json!({ "client_id": client_id, "client_secret": client_secret }).to_string(),
    );
    let consumer =
        |sha1| Authentication::Oauth1 { key: client_id.into(), secret: client_secret.into(), sha1 };
    for (version, spoken) in
        [(Version::V1_1, OneRosterVersion::V1p1), (Version::V1_2, OneRosterVersion::V1p2)]
    {
        let night = night(version);
        for (sign_in, authentication) in [
            (
                SignIn::Oauth2,
                Authentication::Oauth2 {
                    client: client_id.into(),
                    secret: client_secret.into(),
                    uses: 9,
                },
            ),
            (SignIn::Oauth1Sha256, consumer(false)),
            (SignIn::Oauth1Sha1, consumer(true)),
        ] {
            simulator.share("oak", &night, authentication);
            let settings = OneRoster {
                version: spoken,
                sign_in,
                token_url: Some(simulator.token_url("oak")),
                page_size: 50,
                ..OneRoster::at(simulator.address("oak"), "s")
            };
            let access = Access::of(&settings, &secret).unwrap();
            assert_eq!(
                pull(&client(Api::of(&settings).unwrap(), access)).await.unwrap(),
                users(&night),
                "{sign_in:?}"
            );
            let wrong = Secret::new(
                serde_json::json!({ "client_id": client_id, "client_secret": "another" })
                    .to_string(),
            );
            let access = Access::of(&settings, &wrong).unwrap();
            assert!(
                matches!(
                    pull(&client(Api::of(&settings).unwrap(), access)).await,
                    Err(PullError::Unauthorized)
                ),
                "{sign_in:?}"
            );
        }
        // A signature with the other method is invalid.
        simulator.share("oak", &night, consumer(true));
        let settings = OneRoster {
            version: spoken,
            sign_in: SignIn::Oauth1Sha256,
            ..OneRoster::at(simulator.address("oak"), "s")
        };
        let access = Access::of(&settings, &secret).unwrap();
        assert!(matches!(
            pull(&client(Api::of(&settings).unwrap(), access)).await,
            Err(PullError::Unauthorized)
        ));
    }
}

#[tokio::test]
async fn a_broken_connection_is_retried() {
    let simulator = simulator().await;
    let night = night(Version::V1_1);
    simulator.share("oak", &night, Authentication::Bearer("t".into()));
    simulator.fault("oak", "users", 0, 2, Fault::None(NoAnswer::Connection));
    simulator.fault("oak", "enrollments", 1, 1, Fault::Truncated);
    simulator.fault("oak", "classes", 0, 1, Fault::TooMany(0));
    let settings = OneRoster {
        sign_in: SignIn::Bearer,
        page_size: 50,
        ..OneRoster::at(simulator.address("oak"), "s")
    };
    let client = client(Api::of(&settings).unwrap(), Access::bearer(Secret::new("t")));
    assert_eq!(pull(&client).await.unwrap(), users(&night));
}

#[tokio::test]
async fn r_o1_classlink_lists_enabled_districts_and_its_proxy_serves_their_data() {
    let simulator = simulator().await;
    let night = night(Version::V1_1);
    simulator.add_application(4711, &night, true);
    simulator.add_application(17, &night, false);
    let list = Applications {
        http: HttpClient::new().unwrap(),
        wait: RealWait,
        now: Arc::new(jiff::Timestamp::now),
        proxy: simulator.url(),
    };
    let (key, mut rng) = (Secret::new("partner-key"), fastrand::Rng::with_seed(1));
    let ids = |tenants: &[sources::classlink::Tenant]| {
        tenants.iter().map(|tenant| tenant.id.clone()).collect::<Vec<_>>()
    };
    let tenants = list.tenants(&key, &mut rng).await.unwrap();
    assert_eq!(ids(&tenants), ["4711"]);
    simulator.enable(17, true);
    assert_eq!(ids(&list.tenants(&key, &mut rng).await.unwrap()), ["17", "4711"]);
    let settings = ClassLink { proxy: simulator.url(), page_size: 50, ..ClassLink::of("4711") };
    let for_tenant =
        |tenant| client(api(&settings, tenant).unwrap(), Access::bearer(tenant.token.clone()));
    assert_eq!(pull(&for_tenant(&tenants[0])).await.unwrap(), users(&night));
    assert!(
        simulator
            .requests()
            .iter()
            .any(|path| path.starts_with("/T4711G0%3D/ims/oneroster/v1p1/users?"))
    );
    simulator.rotate(4711);
    assert!(matches!(pull(&for_tenant(&tenants[0])).await, Err(PullError::Unauthorized)));
    simulator.withdraw(4711);
    assert_eq!(ids(&list.tenants(&key, &mut rng).await.unwrap()), ["17"]);
    let refused = list.tenants(&Secret::new("another"), &mut rng).await;
    assert_eq!(refused.unwrap_err(), TenantsError::Refused(401));
    simulator.fail_applications(2);
    assert_eq!(ids(&list.tenants(&key, &mut rng).await.unwrap()), ["17"]);
}
