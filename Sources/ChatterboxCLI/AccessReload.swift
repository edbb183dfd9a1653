import AccessControl
import Configuration
import Logging
import ServiceLifecycle
import UnixSignals

/// Keeps limits and origins as the configuration has them, and the keys of tokens fresh. On SIGHUP both are read anew.
struct AccessReload: Service {
    let policy: AccessPolicy
    let settings: Settings
    /// nil if there is nothing but options and the environment, which can't change.
    let file: ConfigurationFile?
    /// Of all settings that the file may have.
    let names: Set<String>
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup { group in
                group.addTask { await refreshTokenKeys() }
                if let file { group.addTask { try? await file.watchSnapshot { updates in await follow(updates) } } }
                await group.waitForAll()
            }
        }
    }

    private func follow(_ updates: ConfigUpdatesAsyncSequence<any ConfigSnapshot, Never>) async {
        for await update in updates {
            guard let content = update as? EnvironmentFileSnapshot else { continue }
            do {
                let rules = try settings.with(file: content.checked(names: names)).accessRules()
                guard rules != policy.rules else { continue }
                policy.rules = rules
                logger.notice("limits and origins changed")
            } catch {
                logger.error("limits and origins stay as they were", metadata: ["reason": "\(error)"])
            }
        }
    }

    /// At the start, so that a wrong address shows now and not with the first token; then on SIGHUP, which would end a
    /// process that doesn't listen for it.
    private func refreshTokenKeys() async {
        await tellIfFailed()
        for await _ in await UnixSignalsSequence(trapping: .sighup) {
            logger.info("SIGHUP: reading what may have changed")
            await tellIfFailed()
        }
    }

    private func tellIfFailed() async {
        if let problem = await policy.refreshTokenKeys() {
            logger.warning("the keys of tokens can't be read", metadata: ["reason": "\(problem)"])
        }
    }
}
