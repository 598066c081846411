import Pipeline

/// What a service manager is to be told, and when: the rules of sd_notify(3), without a socket, a
/// clock or a thread.
///
///     start ── STATUS, EXTEND_TIMEOUT ──▶ READY ── STATUS, WATCHDOG ──▶ STOPPING ── STATUS
///                                          │ ▲
///                                 RELOADING▼ │READY
///
/// **Invariants:** READY is first said when the pipeline runs and never before; STOPPING is said
/// once and no READY follows it; RELOADING is always followed by READY or STOPPING; WATCHDOG is
/// said only while the pipeline progresses; a STATUS differs from the one before.
struct ServiceNotifications: Sendable {
  /// One assignment of the protocol.
  enum Message: Equatable, Sendable {
    case ready
    /// When the reload began, microseconds of the monotonic clock.
    case reloading(monotonicMicros: Int64)
    case stopping
    case watchdog
    case extendTimeout(micros: Int64)
    case status(String)

    /// As it is sent; two lines for RELOADING, which newer managers believe only with the time.
    var text: String {
      switch self {
      case .ready: return "READY=1"
      case .reloading(let micros): return "RELOADING=1\nMONOTONIC_USEC=\(micros)"
      case .stopping: return "STOPPING=1"
      case .watchdog: return "WATCHDOG=1"
      case .extendTimeout(let micros): return "EXTEND_TIMEOUT_USEC=\(micros)"
      case .status(let line): return "STATUS=\(line)"
      }
    }
  }

  /// A STATUS at most this often.
  static let statusNanosMin: Int64 = 1_000_000_000
  /// A start may take until the rule of progress calls it stuck, whatever the unit's time-out: a
  /// long chain to read is work, not a hang. A stop needs no more time; it is short by design.
  static let extensionMicros: Int64 = 30_000_000
  static let extensionNanos: Int64 = 10_000_000_000

  /// Between two looks at the pipeline, nanoseconds.
  let lookNanos: Int64
  private let watchdogNanos: Int64?

  private var line = ServiceStatusLine()
  private var isReady = false
  private var isReloading = false
  private var isStopping = false
  private var statusText: String?
  // When each was said last; nil before.
  private var statusAt: Int64?
  private var watchdogAt: Int64?
  private var extensionAt: Int64?

  /// - Parameter watchdogMicros: what the manager waits for a sign of life; nil where it does not.
  init(watchdogMicros: Int64?) {
    watchdogNanos = watchdogMicros.map { max(1, $0) * 1000 }
    // Eight looks in the manager's patience, so that a sign at half of it is never missed.
    lookNanos = min(250_000_000, max(1_000_000, (watchdogNanos ?? .max) / 8))
  }

  /// After a look at the pipeline. `nowNanos` is the monotonic clock's.
  mutating func observe(_ status: PipelineStatus, nowNanos: Int64) -> [Message] {
    line.note(status, nowNanos: nowNanos)
    var messages: [Message] = []
    if status.phase == .running && !isReady && !isStopping {
      isReady = true
      messages.append(.ready)
    }
    if status.phase == .draining || status.phase == .stopped { messages += stop() }
    if status.stall == nil {
      messages += signOfLife(nowNanos)
      messages += moreTime(nowNanos)
    }
    messages += say(line.text(status), nowNanos)
    return messages
  }

  /// When a reload begins.
  mutating func reloadBegan(nowNanos: Int64) -> [Message] {
    // Before READY the manager would take the READY that ends the reload for that of the start.
    guard isReady, !isReloading, !isStopping else { return [] }
    isReloading = true
    return [.reloading(monotonicMicros: nowNanos / 1000)]
  }

  /// When it has ended, whatever became of it.
  mutating func reloadEnded() -> [Message] {
    guard isReloading else { return [] }
    isReloading = false
    return isStopping ? [] : [.ready]
  }

  /// When a stop is asked for: the pipeline's phase follows a little later.
  mutating func stop() -> [Message] {
    guard !isStopping else { return [] }
    isStopping = true
    return [.stopping]
  }

  /// When the pipeline has ended. The manager shows the sentence as long as the unit is dead.
  mutating func ended(_ sentence: String) -> [Message] {
    stop() + [.status(ServiceStatusLine.single(sentence))]
  }

  // MARK: - Leaves

  private mutating func signOfLife(_ nowNanos: Int64) -> [Message] {
    // The manager begins to wait at READY.
    guard isReady, let watchdogNanos else { return [] }
    // At half of its patience, early rather than late: the next look may take twice its time.
    if let watchdogAt, nowNanos - watchdogAt < watchdogNanos / 2 - 2 * lookNanos { return [] }
    watchdogAt = nowNanos
    return [.watchdog]
  }

  private mutating func moreTime(_ nowNanos: Int64) -> [Message] {
    guard !isReady, !isStopping else { return [] }
    if let extensionAt, nowNanos - extensionAt < Self.extensionNanos { return [] }
    extensionAt = nowNanos
    return [.extendTimeout(micros: Self.extensionMicros)]
  }

  private mutating func say(_ text: String, _ nowNanos: Int64) -> [Message] {
    if text == statusText { return [] }
    if let statusAt, nowNanos - statusAt < Self.statusNanosMin { return [] }
    statusText = text
    statusAt = nowNanos
    return [.status(text)]
  }
}
