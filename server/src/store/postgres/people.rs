//! Users and their clients. Most calls change nothing, so they look before they write.

use interline_core::id::{ClientId, User, UserId};
use sqlx::PgConnection;

use super::error::Result;
use super::session::{PATIENCE, Pool, Session, read};
use crate::store::{StoreError, rows};

type Stored<T> = std::result::Result<T, StoreError>;

pub(super) async fn claim_client(pool: &Pool, client: ClientId, user: &UserId) -> Stored<bool> {
    let owner = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let mut owned = owner(&mut session, client).await?;
        if owned.is_none() {
            sqlx::query("INSERT INTO clients (id, user_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(client.0)
                .bind(user.as_str())
                .execute(&mut *session)
                .await?;
            owned = owner(&mut session, client).await?;
        }
        session.done(owned)
    })
    .await?;
    Ok(owner.as_deref() == Some(user.as_str()))
}

async fn owner(session: &mut PgConnection, client: ClientId) -> Result<Option<String>> {
    let query = sqlx::query_scalar("SELECT user_id FROM clients WHERE id = $1").bind(client.0);
    Ok(query.fetch_optional(session).await?)
}

pub(super) async fn put_user(pool: &Pool, user: &User) -> Stored<()> {
    let (id, name) = (user.id.as_str(), user.display_name.as_str());
    read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let known: Option<String> = sqlx::query_scalar("SELECT display_name FROM users WHERE id = $1")
            .bind(id)
            .fetch_optional(&mut *session)
            .await?;
        if known.as_deref() != Some(name) {
            sqlx::query(
                "INSERT INTO users (id, display_name) VALUES ($1, $2) \
                 ON CONFLICT (id) DO UPDATE SET display_name = excluded.display_name",
            )
            .bind(id)
            .bind(name)
            .execute(&mut *session)
            .await?;
        }
        session.done(())
    })
    .await
}

pub(super) async fn users(pool: &Pool, ids: &[UserId]) -> Stored<Vec<User>> {
    let ids: Vec<&str> = ids.iter().map(UserId::as_str).collect();
    let users: Vec<(String, String)> = read(PATIENCE, || async {
        let mut session = Session::take(pool).await?;
        let users = sqlx::query_as("SELECT id, display_name FROM users WHERE id = ANY($1) ORDER BY id")
            .bind(&ids)
            .fetch_all(&mut *session)
            .await?;
        session.done(users)
    })
    .await?;
    users.into_iter().map(|(id, name)| rows::user(id, name)).collect()
}
