//! The real client with a service in this process.

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use mirror::dynamo::DynamoTable;
use mirror::ports::districts::Wrote;

/// Returns an empty table and its client, on a service that ends with the test.
pub(crate) async fn real_table() -> (DynamoTable, aws_sdk_dynamodb::Client) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()));
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let table = DynamoTable::new(client.clone(), "rollbook");
    assert_eq!(table.create_table().await.unwrap(), Wrote::Yes);
    assert_eq!(table.create_table().await.unwrap(), Wrote::AlreadyThere);
    (table, client)
}
