//! `deadheat mcp`: the commands as the tools of a Model Context Protocol server on stdin and stdout.
//!
//! Each call runs this program again as a process of its own, so that it does what the command does, and its end by a
//! signal is that of Ctrl-C.

mod answer;
mod call;
mod program;
mod progress;
mod reports;
mod stdin;
mod tools;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, Implementation, JsonObject, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::{RequestContext, RoleServer, ServerInitializeError};
use rmcp::{ErrorData, ServerHandler, ServiceExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Installation;
use crate::error::{ExitCode, Failure};
use crate::mcp::call::Call;
use crate::mcp::progress::Progress;
use crate::mcp::reports::Reports;
use crate::mcp::stdin::Stdin;
use crate::mcp::tools::{ReportUse, Tool};
use crate::system::terminal;

/// Serves until stdin ends or a signal arrives, and then ends everything that still runs.
pub(crate) fn run(installation: &Installation, folder: PathBuf) -> anyhow::Result<ExitCode> {
    if std::io::stdin().is_terminal() {
        terminal::print_note("waiting for a client of the Model Context Protocol on stdin; Ctrl-C ends this");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the server cannot be started")?;
    let ended = runtime.block_on(serve(installation, folder));
    // A read from stdin may still wait, and cannot be interrupted.
    runtime.shutdown_background();
    ended?;
    Ok(ExitCode::Done)
}

async fn serve(installation: &Installation, folder: PathBuf) -> anyhow::Result<()> {
    let signalled = CancellationToken::new();
    listen_for_signals(installation, &signalled)?;
    // Also when the client has gone.
    let stop = signalled.child_token();
    let server = Arc::new(Server {
        installation: installation.clone(),
        folder,
        stop: stop.clone(),
        calls: TaskTracker::new(),
        turn: Mutex::new(()),
        reports: Reports::default(),
    });
    let transport = (Stdin::new(stop.clone()), tokio::io::stdout());
    let ended = match Arc::clone(&server).serve_with_ct(transport, signalled).await {
        Ok(service) => service.waiting().await.map(|_| ()).context("the server failed"),
        Err(ServerInitializeError::ConnectionClosed(_) | ServerInitializeError::Cancelled) => Ok(()),
        Err(error) => Err(Failure::usage(format!("mcp: {error}"))
            .hint("a client of the Model Context Protocol starts this program and speaks first")
            .into()),
    };
    stop.cancel();
    server.calls.close();
    server.calls.wait().await;
    ended
}

/// Cancels `signalled` at the first signal that ends a run.
fn listen_for_signals(installation: &Installation, signalled: &CancellationToken) -> anyhow::Result<()> {
    let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
    if !installation.ignores_hangup {
        kinds.push(SignalKind::hangup());
    }
    for kind in kinds {
        let mut signals = signal(kind)?;
        let signalled = signalled.clone();
        tokio::spawn(async move {
            signals.recv().await;
            signalled.cancel();
        });
    }
    Ok(())
}

struct Server {
    installation: Installation,
    /// The folder that calls without `cwd` run in.
    folder: PathBuf,
    /// Ends all calls.
    stop: CancellationToken,
    calls: TaskTracker,
    /// Two measurements at once would disturb each other.
    turn: Mutex<()>,
    reports: Reports,
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("deadheat", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::listed()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let tool = tools::named(&request.name)
            .ok_or_else(|| ErrorData::invalid_params(format!("there is no tool `{}`", request.name), None))?;
        let arguments = request.arguments.unwrap_or_default();
        let call = self.calls.track_future(self.call(tool, &arguments, &context));
        let answer = call.await.unwrap_or_else(|failure| answer::refused(&failure));
        Ok(answer.into())
    }
}

impl Server {
    async fn call(
        &self,
        tool: &Tool,
        arguments: &JsonObject,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, Failure> {
        let call = Call::new(tool, arguments, &self.folder)?;
        let report = match tool.report {
            ReportUse::None => None,
            ReportUse::Reads => Some(self.reports.named_or_last(&call)?),
            ReportUse::Writes => Some(self.reports.place(&call)?),
        };
        let stopped = async {
            tokio::select! {
                () = context.ct.cancelled() => {}
                () = self.stop.cancelled() => {}
            }
        };
        tokio::pin!(stopped);
        let _turn = match tool.measures {
            true => tokio::select! {
                turn = self.turn.lock() => Some(turn),
                () = &mut stopped => return Err(Failure::stopped()),
            },
            false => None,
        };
        let words = call.words(tool, report.as_deref());
        let command = program::command(&self.installation, &call.folder, &words);
        let ended = program::run(command, stopped, &Progress::of(context)).await?;
        if let (ReportUse::Writes, Some(report)) = (tool.report, report) {
            self.reports.keep(report);
        }
        Ok(answer::of(&ended, call.most_bytes()))
    }
}
