import Base
import HTTPClient
import Logging
import Pipeline
import Storage

/// One webhook's thread: follows the table `anomalies` and tells the receiver of every step.
///
/// It is a reader of the table and nothing else. The pipeline neither waits for it nor knows of it,
/// and nothing can be told that is not committed. Nothing is lost with it either: where it stands
/// is kept (`AlertMemory`), and all that it has not told is in the table.
///
/// On its first start it begins where the table then ends; where there is no ledger yet, with the
/// first step there will be.
struct AlertSender: ~Copyable {
  private let options: WebhookOptions
  private let pipeline: String
  private let root: String
  private let shared: Monitor<AlertService.Shared>
  private let place: Int
  private let log: Logger
  private let client: HTTPClient
  private var steps: AnomalySteps
  private var account: AlertAccount
  private var backoff = AlertBackoff()
  /// Counted before the queue there is.
  private var earlier = AlertQueue.Counts()
  private var ledgerID = ""
  private var lastTrouble: String?
  private var kept: AlertMemory?
  private var keptNanos: Int64 = 0

  /// How soon a new step is seen, and a lock that is free.
  private static let pollMillis = 500
  /// How soon is tried again what the system refused.
  private static let faultMillis = 5000
  /// Where the queue stands is written down this often at most; after a crash so much is told
  /// twice.
  private static let keepNanos: Int64 = 1_000_000_000
  /// And for each anomaly that fires so much later, so that thousands are not rewritten every
  /// second.
  private static let keepNanosPerFiring: Int64 = 1_000_000

  init(
    _ options: WebhookOptions, pipeline: String, root: String, storage: any Storage,
    shared: Monitor<AlertService.Shared>, place: Int, log: Logger
  ) {
    self.options = options
    self.pipeline = pipeline
    self.root = root
    self.shared = shared
    self.place = place
    self.log = log
    steps = AnomalySteps(storage: storage, pipeline: pipeline)
    account = AlertAccount(name: options.name, format: options.format.rawValue)
    client = HTTPClient(options.http) {
      shared.update { $0.deadlineNanos.map { MonotonicClock.nowNanos() >= $0 } ?? false }
    }
  }

  /// Until told to end.
  mutating func run() {
    while !isPastDeadline {
      do {
        let folder = try AlertFolder(root: root, webhook: options.name)
        if try folder.takeLock() {
          account.isSending = true
          try send(folder)
          return
        }
        noteBegun()
        if isEnding { break }
        wait(millis: Self.pollMillis)
      } catch {
        // The lock goes with the folder; where it stands is read again.
        account.isSending = false
        say("alerts wait: \(error)")
        noteBegun()
        if isEnding { break }
        wait(millis: Self.faultMillis)
      }
    }
  }

  // MARK: - One turn as the sender

  private mutating func send(_ folder: borrowing AlertFolder) throws {
    var queue = try begin(folder)
    var notBeforeNanos: Int64 = 0
    while true {
      let isAtEnd = try read(into: &queue)
      leaveOut(&queue)
      let now = MonotonicClock.nowNanos()
      let batch = now >= notBeforeNanos ? queue.nextBatch(nowNanos: now) : AlertBatch()
      if !batch.isEmpty, !isPastDeadline {
        if let millis = post(batch, &queue) {
          notBeforeNanos = MonotonicClock.nowNanos() + Int64(millis) * 1_000_000
        }
      }
      publish(queue)
      // At a stop everything that waits is tried once more, and what fires is not told again.
      let isDone = isEnding && (queue.items.isEmpty && isAtEnd || backoff.failureCount > 0)
      try keep(queue, folder, isLast: isDone || isPastDeadline)
      if isDone || isPastDeadline { return }
      if batch.isEmpty { wait(millis: pause(queue, notBeforeNanos)) }
    }
  }

  /// Where the last one stood; else at the table's end, which is written down before anything else.
  private mutating func begin(_ folder: borrowing AlertFolder) throws -> AlertQueue {
    let ledger = try steps.ledgerID() ?? ""
    if let bytes = try folder.kept() {
      if let memory = AlertMemory(parsing: bytes) {
        // Kept before there was a ledger, it is about the one that came.
        if memory.ledgerID == ledger || memory.ledgerID.isEmpty {
          return adopt(AlertMemory(
            ledgerID: ledger, delivered: memory.delivered, firing: memory.firing))
        }
        log.warning("the root has another ledger than the alerts were sent of: beginning anew")
      } else {
        try folder.putAside()
        log.error("where the alerts stood cannot be read, and was put aside: beginning anew")
      }
    }
    let end = ledger.isEmpty ? -1 : try steps.lastVersion()
    let memory = AlertMemory(ledgerID: ledger, delivered: end)
    try folder.keep(memory.json.bytes)
    if end >= 0 {
      log.notice(
        "alerts begin with the next step: earlier ones are in the table",
        metadata: ["version": "\(end)"])
    }
    return adopt(memory)
  }

  private mutating func adopt(_ memory: AlertMemory) -> AlertQueue {
    ledgerID = memory.ledgerID
    // Counters go on where a fault made it begin anew.
    earlier = AlertQueue.Counts(
      sent: account.sentCount, refused: account.refusedCount, leftOut: account.leftOutCount,
      missedCommits: account.missedCommitCount)
    account.trouble = nil
    noteBegun()
    if !ledgerID.isEmpty { steps.open(ledgerID: ledgerID) }
    return AlertQueue(options, delivered: memory.delivered, firing: memory.firing)
  }

  // MARK: - Reading

  /// Takes what the table has, as far as there is room. Whether that was everything.
  private mutating func read(into queue: inout AlertQueue) throws -> Bool {
    if ledgerID.isEmpty {
      guard let found = try steps.ledgerID() else { return true }
      ledgerID = found
      steps.open(ledgerID: found)
    }
    while queue.wantsMore {
      switch try steps.next(after: queue.taken) {
      case .end: return true
      case .commit(let commit):
        queue.take(commit)
        if commit.lostCount > 0 {
          log.warning(
            "steps of anomalies are not sent: another program took away the file they were in",
            metadata: ["rows": "\(commit.lostCount)", "version": "\(commit.version)"])
        }
      case .cleanedUp(let first):
        log.warning(
          "the table's log was cleaned up beyond where alerts stood: its steps are not sent",
          metadata: ["from": "\(queue.taken + 1)", "to": "\(first - 1)"])
        queue.skip(to: first)
      }
    }
    return false
  }

  private func leaveOut(_ queue: inout AlertQueue) {
    let count = queue.leaveOut(nowMicros: WallClock.nowMicros())
    if count == 0 { return }
    log.warning(
      "steps of anomalies that are over are not sent: they are too old, or too many wait",
      metadata: ["steps": "\(count)", "waiting": "\(queue.items.count)"])
  }

  // MARK: - Sending

  /// One request. Milliseconds to wait before the next where it failed.
  private mutating func post(_ batch: AlertBatch, _ queue: inout AlertQueue) -> Int? {
    let answer: HTTPClient.Answer
    do {
      answer = try client.post(options.url, body(of: batch))
    } catch {
      // Given up because of a stop: the next start tells it.
      if isPastDeadline { return 0 }
      return failed(error.detail, retryAfterSeconds: 0)
    }
    let verdict = AlertQueue.Verdict(status: answer.status)
    queue.settle(batch, verdict, nowNanos: MonotonicClock.nowNanos())
    let words = PlainText.shown(String(decoding: answer.body, as: UTF8.self), countMax: 300)
    switch verdict {
    case .accepted:
      backoff.succeeded()
      account.trouble = nil
      lastTrouble = nil
    case .refused:
      log.warning(
        batch.alerts.count > 1 ? "alerts refused; trying fewer" : "an alert refused, and left out",
        metadata: [
          "status": "\(answer.status)", "answer": "\(words)",
          "anomaly": "\(batch.alerts[0].step.id)", "alerts": "\(batch.alerts.count)",
        ])
    case .failed:
      return failed(
        "it answered \(answer.status): \(words)", retryAfterSeconds: answer.retryAfterSeconds)
    }
    return nil
  }

  private mutating func failed(_ reason: String, retryAfterSeconds: Int) -> Int {
    account.failedCount += 1
    say("alerts wait: \(reason)")
    let jitter = Double(RandomID.word() >> 11) / Double(1 << 53)
    return backoff.failed(jitter: jitter, retryAfterSeconds: retryAfterSeconds)
  }

  private func body(of batch: AlertBatch) -> [UInt8] {
    switch options.format {
    case .alertmanager:
      AlertmanagerBody.bytes(
        batch.alerts, pipeline: pipeline, pageURL: options.pageURL,
        nowMicros: WallClock.nowMicros(),
        resendMicros: options.resendMillis.map { Int64($0) * 1000 })
    case .webhook:
      WebhookBody.bytes(
        batch.alerts, pipeline: pipeline, receiver: options.name, pageURL: options.pageURL)
    }
  }

  // MARK: - Standing and waiting

  private mutating func keep(
    _ queue: AlertQueue, _ folder: borrowing AlertFolder, isLast: Bool
  ) throws {
    let now = MonotonicClock.nowNanos()
    let interval = Self.keepNanos + Int64(queue.firing.count) * Self.keepNanosPerFiring
    guard isLast || now - keptNanos >= interval else { return }
    let memory = queue.memory(ledgerID: ledgerID)
    keptNanos = now
    if memory.json == kept?.json { return }
    try folder.keep(memory.json.bytes)
    kept = memory
  }

  /// Until the next step may be there, or the next repetition is due.
  private func pause(_ queue: AlertQueue, _ notBeforeNanos: Int64) -> Int {
    let now = MonotonicClock.nowNanos()
    let due = max(queue.nextDueNanos ?? .max, notBeforeNanos)
    guard due > now else { return Self.pollMillis }
    return min(Self.pollMillis, Int((due - now) / 1_000_000) + 1)
  }

  private func wait(millis: Int) {
    let wasEnding = isEnding
    _ = shared.wait(timeoutMillis: wasEnding ? min(millis, 50) : millis) { shared -> Bool? in
      shared.deadlineNanos != nil && !wasEnding ? true : nil
    }
  }

  private var isEnding: Bool { shared.update { $0.deadlineNanos != nil } }

  private var isPastDeadline: Bool {
    shared.update { $0.deadlineNanos.map { MonotonicClock.nowNanos() >= $0 } ?? false }
  }

  private mutating func publish(_ queue: AlertQueue) {
    account.sentCount = earlier.sent + queue.counts.sent
    account.refusedCount = earlier.refused + queue.counts.refused
    account.leftOutCount = earlier.leftOut + queue.counts.leftOut + queue.counts.lost
    account.missedCommitCount = earlier.missedCommits + queue.counts.missedCommits
    account.queuedCount = queue.items.count
    account.oldestMicros = queue.items.first?.atMicros
    account.firingCount = queue.firingCount
    publish()
  }

  private func noteBegun() { shared.update { _ = $0.begun.insert(place) } }

  private func publish() {
    shared.update { $0.accounts[place] = account }
  }

  private mutating func say(_ sentence: String) {
    account.trouble = sentence
    publish()
    if sentence == lastTrouble { return }
    lastTrouble = sentence
    log.warning("\(sentence)")
  }
}
