//! What changes something: tokens, bans, approvals, refreshes, recovery.

use std::io::Write as _;

use anyhow::Context as _;
use capstan_proto::wire;

use super::args::{Approve, CreateToken, Format, Recover, Refresh, Standing, Target};
use super::connect::{self, refusal};
use super::output::{print, value};
use super::words::moment;
use super::{Failure, Outcome};

pub(super) async fn create_token(target: &Target, args: CreateToken) -> Outcome {
    let CreateToken {
        cluster,
        ttl,
        re_enrol,
        replace,
        output,
    } = args;
    let ttl_seconds = u32::try_from(ttl.as_secs())
        .context("--ttl is longer than 7 days")
        .map_err(Failure::Usage)?;
    let request = wire::CreateTokenRequest {
        cluster: cluster.to_string(),
        ttl_seconds,
        re_enrol,
        replace,
    };
    let mut client = connect::admin(target).await?;
    let token = client
        .create_token(request)
        .await
        .map_err(|status| refusal(&status))?
        .into_inner();
    if matches!(output, Format::Json | Format::Yaml) {
        return value(&token, output);
    }
    // The line alone goes to standard output, so that it can be piped and pasted.
    let mut stderr = anstream::stderr();
    let until = moment(token.expires_at_ms);
    writeln!(
        stderr,
        "A token for cluster {cluster}, once, until {until}."
    )?;
    if !token.declared {
        writeln!(
            stderr,
            "No Cluster document declares {cluster} yet; it gets nothing until one does."
        )?;
    }
    writeln!(stderr, "Run this where kubectl reaches the cluster:\n")?;
    stderr.flush()?;
    let wire::Token {
        token, hub, ca_pin, ..
    } = token;
    print(&[format!(
        "spoke bootstrap --hub {hub} --token {token} --ca-pin {ca_pin}"
    )])
}

pub(super) async fn ban(target: &Target, args: Standing) -> Outcome {
    let Standing { cluster, reason } = args;
    let request = wire::BanRequest {
        cluster: cluster.to_string(),
        reason,
    };
    done(connect::admin(target).await?.ban(request).await)
}

pub(super) async fn unban(target: &Target, args: Standing) -> Outcome {
    let Standing { cluster, reason } = args;
    let request = wire::UnbanRequest {
        cluster: cluster.to_string(),
        reason,
    };
    done(connect::admin(target).await?.unban(request).await)
}

pub(super) async fn approve(target: &Target, args: Approve) -> Outcome {
    let Approve { digest, reason } = args;
    let request = wire::ApproveRequest { digest, reason };
    done(connect::admin(target).await?.approve(request).await)
}

pub(super) async fn recover(target: &Target, args: Recover) -> Outcome {
    let Recover {
        cluster,
        confirm,
        reason,
    } = args;
    let cluster = cluster.map(String::from).unwrap_or_default();
    let request = wire::RecoverRequest {
        cluster,
        confirm,
        reason,
    };
    done(connect::admin(target).await?.recover(request).await)
}

pub(super) async fn refresh(target: &Target, args: Refresh) -> Outcome {
    let Refresh {
        source,
        accept_rewrite,
        reason,
    } = args;
    let request = wire::RefreshRequest {
        source: source.map(String::from).unwrap_or_default(),
        accept_rewrite,
        reason: reason.unwrap_or_default(),
    };
    let answer = connect::admin(target).await?.refresh(request).await;
    let answer = answer.map_err(|status| refusal(&status))?.into_inner();
    let sources = answer.sources.join(", ");
    print(&[if accept_rewrite {
        format!("accepted the new history of {sources}")
    } else {
        format!("asked for a look at {sources}")
    }])
}

fn done(answer: Result<tonic::Response<wire::Recorded>, tonic::Status>) -> Outcome {
    let answer = answer.map_err(|status| refusal(&status))?.into_inner();
    print(&[answer.what])
}
