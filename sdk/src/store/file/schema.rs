//! What is in a database: its tables, its schema's number, and how an older schema becomes the present one.
//!
//! `meta` holds the schema's number and whose database it is. It stays as it is in every schema, so that any release
//! can tell what it has before it.

use interline_core::id::ReviewId;
use redb::{
    Database, Durability, Error, ReadableDatabase, ReadableTable, TableDefinition, TableError,
    WriteTransaction,
};
use uuid::Uuid;

const META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
/// Reviews by the keys that opened them.
const KEYS: TableDefinition<'_, &str, u128> = TableDefinition::new("keys");
/// Saved replicas in JSON, by review.
const REPLICAS: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("replicas");

const SCHEMA: &str = "schema";

/// Changes the tables of one schema into those of the next.
type Migration = fn(&WriteTransaction) -> Result<(), Error>;

/// The first makes schema 1 of an empty database, the second makes schema 2 of schema 1, and so on. What was released
/// does not change any more.
const MIGRATIONS: &[Migration] = &[first];

/// The schema that this software writes.
pub(super) const CURRENT: usize = MIGRATIONS.len();

fn first(write: &WriteTransaction) -> Result<(), Error> {
    write.open_table(KEYS)?;
    write.open_table(REPLICAS)?;
    Ok(())
}

/// Whose database it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Identity {
    pub(super) server: String,
    pub(super) user: String,
    pub(super) client: String,
}

/// One transaction, on the disk when this returns.
fn write(
    database: &Database,
    change: impl FnOnce(&WriteTransaction) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut write = database.begin_write()?;
    write.set_durability(Durability::Immediate)?;
    change(&write)?;
    write.commit()?;
    Ok(())
}

fn meta(database: &Database, name: &str) -> Result<Option<String>, Error> {
    let table = match database.begin_read()?.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        table => table?,
    };
    Ok(table.get(name)?.map(|value| value.value().to_owned()))
}

/// The schema of a database.
pub(super) fn found(database: &Database) -> Result<usize, Error> {
    let found = meta(database, SCHEMA)?.and_then(|text| text.parse().ok()).filter(|found| *found > 0);
    found.ok_or_else(|| Error::Corrupted("it does not say which schema it has".into()))
}

/// Makes the present schema of an older one.
pub(super) fn migrate(database: &Database, from: usize) -> Result<(), Error> {
    migrate_by(database, from, MIGRATIONS)
}

/// All steps or none.
fn migrate_by(database: &Database, from: usize, migrations: &[Migration]) -> Result<(), Error> {
    write(database, |write| {
        migrations[from..].iter().try_for_each(|migration| migration(write))?;
        write.open_table(META)?.insert(SCHEMA, &*migrations.len().to_string())?;
        Ok(())
    })
}

/// Makes a database of a file that is empty.
pub(super) fn create(database: &Database, identity: &Identity) -> Result<(), Error> {
    migrate(database, 0)?;
    write(database, |write| {
        let mut meta = write.open_table(META)?;
        meta.insert("server", &*identity.server)?;
        meta.insert("user", &*identity.user)?;
        meta.insert("client", &*identity.client)?;
        Ok(())
    })
}

/// Whose database it is; `None` if it does not say.
pub(super) fn identity(database: &Database) -> Result<Option<Identity>, Error> {
    let (server, user) = (meta(database, "server")?, meta(database, "user")?);
    let client = meta(database, "client")?;
    Ok((|| Some(Identity { server: server?, user: user?, client: client? }))())
}

/// Whether the tables are what they should be.
pub(super) fn check(database: &Database) -> Result<(), Error> {
    let read = database.begin_read()?;
    read.open_table(KEYS)?;
    read.open_table(REPLICAS)?;
    Ok(())
}

pub(super) fn resolve(database: &Database, key: &str) -> Result<Option<ReviewId>, Error> {
    let found = database.begin_read()?.open_table(KEYS)?.get(key)?;
    Ok(found.map(|id| ReviewId(Uuid::from_u128(id.value()))))
}

pub(super) fn remember(database: &Database, key: &str, review: ReviewId) -> Result<(), Error> {
    if resolve(database, key)? == Some(review) {
        return Ok(());
    }
    write(database, |write| {
        write.open_table(KEYS)?.insert(key, review.0.as_u128())?;
        Ok(())
    })
}

pub(super) fn load(database: &Database, review: ReviewId) -> Result<Option<Vec<u8>>, Error> {
    let found = database.begin_read()?.open_table(REPLICAS)?.get(review.0.as_u128())?;
    Ok(found.map(|record| record.value().to_owned()))
}

pub(super) fn save(database: &Database, review: ReviewId, record: &[u8]) -> Result<(), Error> {
    write(database, |write| {
        write.open_table(REPLICAS)?.insert(review.0.as_u128(), record)?;
        Ok(())
    })
}

pub(super) fn list(database: &Database) -> Result<Vec<ReviewId>, Error> {
    let table = database.begin_read()?.open_table(REPLICAS)?;
    let ids = table.iter()?.map(|entry| Ok(ReviewId(Uuid::from_u128(entry?.0.value()))));
    ids.collect()
}

pub(super) fn remove(database: &Database, review: ReviewId) -> Result<(), Error> {
    write(database, |write| {
        write.open_table(REPLICAS)?.remove(review.0.as_u128())?;
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, Database) {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::create(dir.path().join("x.redb")).unwrap();
        let text = String::from;
        let identity = Identity { server: text("s"), user: text("u"), client: text("c") };
        create(&database, &identity).unwrap();
        assert_eq!(super::identity(&database).unwrap(), Some(identity));
        (dir, database)
    }

    /// A schema in which every key begins with a star.
    fn stars(write: &WriteTransaction) -> Result<(), Error> {
        let mut keys = write.open_table(KEYS)?;
        let old: Vec<_> = keys
            .iter()?
            .map(|entry| entry.map(|(key, id)| (key.value().to_owned(), id.value())))
            .collect::<Result<_, _>>()?;
        for (key, id) in old {
            keys.remove(&*key)?;
            keys.insert(&*format!("*{key}"), id)?;
        }
        Ok(())
    }

    fn fails(write: &WriteTransaction) -> Result<(), Error> {
        write.open_table(KEYS)?.insert("half", 1)?;
        Err(Error::Corrupted("no".into()))
    }

    #[test]
    fn an_older_schema_becomes_the_present_one() {
        let (_dir, database) = database();
        assert_eq!(found(&database).unwrap(), CURRENT);
        let id = ReviewId(Uuid::from_u128(7));
        remember(&database, "pr-1", id).unwrap();
        save(&database, id, b"record").unwrap();
        migrate_by(&database, 1, &[first, stars, stars]).unwrap();
        assert_eq!(found(&database).unwrap(), 3);
        assert_eq!(resolve(&database, "**pr-1").unwrap(), Some(id));
        assert_eq!(resolve(&database, "pr-1").unwrap(), None);
        assert_eq!(load(&database, id).unwrap().as_deref(), Some(&b"record"[..]));
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let (_dir, database) = database();
        remember(&database, "pr-1", ReviewId(Uuid::from_u128(7))).unwrap();
        assert!(migrate_by(&database, 1, &[first, stars, fails]).is_err());
        assert_eq!(found(&database).unwrap(), 1);
        assert!(
            resolve(&database, "pr-1").unwrap().is_some() && resolve(&database, "half").unwrap().is_none()
        );
    }
}
