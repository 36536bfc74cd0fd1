//! What to type next. Names of services are those of the studio's shipped compose files.

use std::path::Path;

use crate::{text::shell, wire::rest::StudioUrl};

const INGESTION: &str = "junjo-ai-studio-ingestion";
const BACKEND: &str = "junjo-ai-studio-backend";

fn lines<const N: usize>(lines: [&str; N]) -> Vec<String> {
    lines.map(str::to_owned).to_vec()
}

pub(super) fn start_the_studio() -> Vec<String> {
    vec![
        format!("docker compose ps {INGESTION}"),
        format!("docker compose up -d {INGESTION}"),
        format!("docker compose logs --tail 50 {INGESTION}"),
        "e2e-store doctor --endpoint HOST:PORT   # where it listens elsewhere".to_owned(),
    ]
}

pub(super) fn pass_the_key() -> Vec<String> {
    lines([
        "# make a key in the studio's web interface (port 26153), under API keys, then",
        "export JUNJO_API_KEY=THE-KEY",
        "e2e-store doctor",
    ])
}

pub(super) fn look_at_the_backend() -> Vec<String> {
    vec![
        format!("docker compose ps {BACKEND}"),
        format!("docker compose up -d {BACKEND}"),
        format!("docker compose logs --tail 50 {BACKEND} {INGESTION}"),
    ]
}

pub(super) fn read_the_log() -> Vec<String> {
    vec![format!("docker compose logs --tail 50 {INGESTION}")]
}

/// The shipped files keep the internal port inside the compose network. An override that is there already
/// is not written over.
pub(super) fn publish_the_internal_port() -> Vec<String> {
    vec![
        "# docker-compose.override.yml, beside the studio's compose file:".to_owned(),
        "#   services:".to_owned(),
        format!("#     {INGESTION}:"),
        "#       ports: [\"127.0.0.1:50052:50052\"]".to_owned(),
        format!(
            "test -e docker-compose.override.yml || printf 'services:\\n  {INGESTION}:\\n    ports: [\"127.0.0.1:50052:50052\"]\\n' > docker-compose.override.yml"
        ),
        format!("docker compose up -d {INGESTION}"),
    ]
}

pub(super) fn pass_the_token() -> Vec<String> {
    lines([
        "grep JUNJO_INTERNAL_GRPC_TOKEN .env   # beside the studio's compose file",
        "export JUNJO_INTERNAL_GRPC_TOKEN=THE-TOKEN",
        "e2e-store doctor",
    ])
}

/// What the container calls its folders, and what of the host they are.
pub(super) fn find_the_data_directory() -> Vec<String> {
    vec![
        format!("docker compose exec {INGESTION} printenv WAL_DIR PARQUET_OUTPUT_DIR"),
        format!(
            "docker inspect -f '{{{{range .Mounts}}}}{{{{.Source}}}} is {{{{.Destination}}}}{{{{println}}}}{{{{end}}}}' $(docker compose ps -q {INGESTION})"
        ),
        "e2e-store doctor --data-dir DIR   # the folder on the host that is /app/.dbdata".to_owned(),
    ]
}

pub(super) fn give_the_right_to_read(place: &Path) -> Vec<String> {
    let place = quoted(place);
    vec![format!("sudo chmod -R a+rX {place}"), format!("ls -ld {place}   # who owns it")]
}

/// Where rights are not what is missing.
pub(super) fn look_at(place: &Path) -> Vec<String> {
    vec![format!("ls -ld {}", quoted(place))]
}

/// Out of the way of a flush, and kept: what still reads of it is not lost.
pub(super) fn set_aside(segment: &Path) -> Vec<String> {
    let name = segment.file_name().unwrap_or_default();
    let aside = Path::new("set-aside").join(name);
    vec![
        format!("docker compose stop {INGESTION}"),
        format!("mkdir -p set-aside && mv {} {}", quoted(segment), quoted(&aside)),
        format!("docker compose start {INGESTION}"),
        format!("e2e-store audit {} --run none   # what still reads of it", quoted(&aside)),
    ]
}

pub(super) fn inspect(store: &Path) -> Vec<String> {
    vec![format!("e2e-store inspect {}", quoted(store))]
}

pub(super) fn audit(store: &Path) -> Vec<String> {
    vec![format!("e2e-store audit {}", quoted(store))]
}

/// What the backend says by itself.
pub(super) fn studio_health(url: &StudioUrl) -> Vec<String> {
    vec![shell::command(&["curl", &format!("{url}/health")].map(str::to_owned))]
}

pub(super) fn audit_the_index(store: &Path) -> Vec<String> {
    vec![format!("e2e-store audit {} --only index", quoted(store))]
}

pub(super) fn flush() -> Vec<String> {
    lines(["e2e-store flush"])
}

pub(super) fn free_space(store: &Path) -> Vec<String> {
    let store = quoted(store);
    vec![format!("df -h {store}"), format!("du -sh {store}/*")]
}

/// A path as a shell takes it; one that would be read as an option is said to be a path.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    shell::quote(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_typed_as_a_shell_takes_it() {
        assert_eq!(quoted(Path::new("a/year=2026/b.ipc")), "a/year=2026/b.ipc");
        assert_eq!(quoted(Path::new("it's here")), "'it'\\''s here'");
        assert_eq!(quoted(Path::new("-rf\u{1b}")), "$'./-rf\\U0000001b'");
    }
}
