import Base
package import Logging
package import Storage

/// Alerts of a pipeline's anomalies by HTTP: a thread for each webhook, which follows the table
/// `anomalies` (`AlertSender`).
///
/// What holds: an alert leaves for a committed step only; each step is told at least once, those of
/// one anomaly in their order, over crashes and however long a receiver is away, but for what is
/// counted as refused or left out. A receiver's trouble touches nothing else.
///
/// **Why a cursor and no queue of our own:** the table has every step durably, in order and before
/// anybody could be told. A queue file would say the same again, and the two could differ after a
/// crash. The ledger itself cannot be followed: it forgets entries once every table has them, which
/// a receiver that is away for an hour would notice; the table's log is kept.
package final class AlertService: Sendable {
  struct Shared: Sendable {
    var accounts: [AlertAccount]
    /// Set when the end was asked for: no request goes on beyond it.
    var deadlineNanos: Int64?
    /// Who has written down where it begins, or knows that another instance has, or cannot.
    var begun: Set<Int> = []
  }

  /// A disk that takes longer than this holds up no start.
  private static let beginMillis = 10_000

  private let shared: Monitor<Shared>
  private let threads: [WorkerThread]

  /// Starts the threads, and waits until each has written down where it begins: what is committed
  /// from then on is told.
  /// - Parameter root: of the storage, where the folder `_alerts` is.
  package init(
    _ webhooks: [WebhookOptions], pipeline: String, root: String, storage: any Storage,
    log: Logger
  ) {
    let shared = Monitor(
      Shared(accounts: webhooks.map { AlertAccount(name: $0.name, format: $0.format.rawValue) }))
    self.shared = shared
    threads = webhooks.enumerated().map { place, options in
      var log = log
      log[metadataKey: "webhook"] = "\(options.name)"
      let ownLog = log
      return WorkerThread(name: "alerts") {
        var sender = AlertSender(
          options, pipeline: pipeline, root: root, storage: storage, shared: shared, place: place,
          log: ownLog)
        sender.run()
      }
    }
    let count = webhooks.count
    _ = shared.wait(timeoutMillis: Self.beginMillis) { $0.begun.count == count ? true : nil }
  }

  /// Of each webhook, in the order of the configuration.
  package var accounts: [AlertAccount] { shared.update { $0.accounts } }

  /// Tells what waits, once, and ends; returns after so many milliseconds and a second at the
  /// latest. What was not told then is told after the next start. Called once, behind the
  /// pipeline's last commit.
  package func finish(withinMillis: Int) {
    let deadline = MonotonicClock.nowNanos() + Int64(withinMillis) * 1_000_000
    shared.update { $0.deadlineNanos = $0.deadlineNanos ?? deadline }
    for thread in threads { thread.join() }
  }
}
