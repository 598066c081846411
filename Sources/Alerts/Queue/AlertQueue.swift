import Base
import Pipeline

/// What one receiver is still to be told, and what it has been told: the state machine between the
/// table and the network. Pure.
///
///     table `anomalies` ─▶ take ─▶ items ─▶ nextBatch ─▶ (a request) ─▶ settle ─▶ firing
///
/// There is no second queue on disk. The table has every step for good, so what is kept is how far
/// it has been told (`delivered`) and what fires (`AlertMemory`); after a crash the steps behind
/// `delivered` are read again and told again. Receivers know alerts by labels and start, so that
/// this changes nothing for them.
///
/// **Invariants:** the steps of one anomaly are told in their order: a batch has at most one step
/// of an anomaly, and always its first. `delivered` is below every step that waits. Nothing leaves
/// the queue but told, refused or left out, and each is counted.
/// Memory: `countMax` steps and those of one commit; `firingCountMax` anomalies.
struct AlertQueue: Sendable {
  /// A step that waits.
  struct Item: Equatable, Sendable {
    var step: AnomalyStep
    /// Of the table's log.
    var version: Int64
    /// When it was committed.
    var atMicros: Int64
  }

  /// What became of steps since the start.
  struct Counts: Equatable, Sendable {
    var sent: Int64 = 0
    var refused: Int64 = 0
    var leftOut: Int64 = 0
    /// Were in files that are gone.
    var lost: Int64 = 0
    /// Commits of which nobody knows any more whether they had steps.
    var missedCommits: Int64 = 0
  }

  /// What a receiver made of a batch.
  enum Verdict: Equatable, Sendable {
    case accepted
    /// It never will take these alerts as they are.
    case refused
    /// Another time it may.
    case failed
  }

  /// Prometheus sends no more at once either.
  static let batchCountMax = 64
  /// Open anomalies beyond these are told once and not again.
  static let firingCountMax = 10_000

  private let isCriticalOnly: Bool
  private let detectors: [Glob]
  private let resendNanos: Int64?
  private let ageMaxMicros: Int64
  private let countMax: Int

  private(set) var items: [Item] = []
  /// By anomaly.
  private(set) var firing: [String: Firing] = [:]
  /// The newest version that was taken.
  private(set) var taken: Int64
  private(set) var counts = Counts()
  /// Smaller after a refusal, until the alert is found that is to blame.
  private var batchCount = Self.batchCountMax

  init(_ options: WebhookOptions, delivered: Int64, firing: [Firing] = []) {
    isCriticalOnly = options.isCriticalOnly
    detectors = options.detectors
    resendNanos = options.resendMillis.map { Int64($0) * 1_000_000 }
    ageMaxMicros = options.ageMaxMicros
    countMax = options.queueCountMax
    taken = delivered
    for anomaly in firing { self.firing[anomaly.step.id] = anomaly }
  }

  /// Everything up to this version has been told, refused or left out.
  var delivered: Int64 { items.first.map { $0.version - 1 } ?? taken }

  /// Whether there is room for another commit.
  var wantsMore: Bool { items.count < countMax }

  /// Anomalies that the receiver believes to be open.
  var firingCount: Int { firing.values.count { $0.closedVersion == nil } }

  // MARK: - Taking in

  /// Takes the next commit of the table.
  mutating func take(_ commit: AnomalySteps.Commit) {
    precondition(commit.version > taken, "commits are taken in their order")
    taken = commit.version
    counts.lost += commit.lostCount
    for step in commit.steps where isWanted(step) {
      items.append(Item(step: step, version: commit.version, atMicros: commit.atMicros))
    }
    forgetClosed()
  }

  /// The table's log begins behind `taken` now.
  mutating func skip(to first: Int64) {
    if first - 1 > taken {
      counts.missedCommits += first - 1 - taken
      taken = first - 1
    }
    forgetClosed()
  }

  private func isWanted(_ step: AnomalyStep) -> Bool {
    if isCriticalOnly, step.severity != "critical" { return false }
    return detectors.contains { $0.matches(step.detector) }
  }

  /// Leaves out anomalies that are over and of which nothing was told: those whose opening is older
  /// than the bound, and beyond `countMax` steps the oldest. One that the receiver believes to be
  /// open is never left out: it would stay open there.
  /// - Returns: how many steps that were.
  mutating func leaveOut(nowMicros: Int64) -> Int {
    let surplus = items.count - countMax
    guard let oldest = items.first,
      surplus > 0 || nowMicros - oldest.atMicros > ageMaxMicros
    else { return 0 }
    var lives: [String: (places: [Int], isWhole: Bool)] = [:]
    var closedInOrder: [String] = []
    for (place, item) in items.enumerated() {
      let id = item.step.id
      let isWhole = lives[id]?.isWhole ?? (item.step.state == "opened" && firing[id] == nil)
      lives[id, default: ([], isWhole)].places.append(place)
      if item.step.state == "closed", isWhole { closedInOrder.append(id) }
    }
    var gone: Set<Int> = []
    for id in closedInOrder {
      guard let places = lives[id]?.places, let opening = places.first else { continue }
      let isOld = nowMicros - items[opening].atMicros > ageMaxMicros
      if isOld || gone.count < surplus { gone.formUnion(places) }
    }
    remove(gone)
    counts.leftOut += Int64(gone.count)
    return gone.count
  }

  private mutating func remove(_ gone: Set<Int>) {
    if gone.isEmpty { return }
    items = items.enumerated().filter { !gone.contains($0.offset) }.map(\.element)
    forgetClosed()
  }

  private mutating func forgetClosed() {
    let delivered = delivered
    firing = firing.filter { ($0.value.closedVersion ?? .max) > delivered }
  }

  // MARK: - Sending

  /// What is to go out now: steps, oldest first, and what fires and was not told for a while. Where
  /// both wait, each gets half: neither a flood of steps nor thousands of open anomalies hold up
  /// the other.
  func nextBatch(nowNanos: Int64) -> AlertBatch {
    var batch = AlertBatch()
    let due = dueAgain(nowNanos: nowNanos)
    let stepCountMax = due.isEmpty ? batchCount : max(1, batchCount / 2)
    var ids: Set<String> = []
    for (place, item) in items.enumerated() {
      if batch.places.count == stepCountMax { break }
      if ids.insert(item.step.id).inserted { batch.add(place: place, alerts(of: item.step)) }
    }
    for anomaly in due where batch.places.count + batch.repeated.count < batchCount {
      if ids.contains(anomaly.step.id) { continue }
      let alert = Alert(
        step: anomaly.step, severity: anomaly.step.severity, startMicros: anomaly.startMicros)
      batch.add(repeated: anomaly.step.id, alert)
    }
    return batch
  }

  /// When the next repetition is due, by the clock that never jumps; nil for never.
  var nextDueNanos: Int64? {
    guard let resendNanos else { return nil }
    return firing.values.lazy.filter { $0.closedVersion == nil }
      .map { $0.toldNanos.map { $0 + resendNanos } ?? 0 }.min()
  }

  private func dueAgain(nowNanos: Int64) -> [Firing] {
    guard let resendNanos else { return [] }
    return firing.values
      .filter { anomaly in
        anomaly.closedVersion == nil
          && (anomaly.toldNanos.map { nowNanos - $0 >= resendNanos } ?? true)
      }
      .sorted { ($0.toldNanos ?? 0, $0.step.id) < ($1.toldNanos ?? 0, $1.step.id) }
  }

  private func alerts(of step: AnomalyStep) -> [Alert] {
    let told = firing[step.id]
    let start = told?.startMicros ?? step.eventTimeMicros
    // Device clocks may jump; no receiver takes an end before its start.
    let end = max(start, step.eventTimeMicros)
    switch step.state {
    case "closed":
      let severity = told?.step.severity ?? step.severity
      return [Alert(step: step, severity: severity, startMicros: start, endMicros: end)]
    case "opened":
      return [
        Alert(step: step, severity: step.severity, startMicros: step.eventTimeMicros)
      ]
    default:
      let now = Alert(step: step, severity: step.severity, startMicros: start)
      guard let before = told?.step.severity, before != step.severity else { return [now] }
      return [
        Alert(step: step, severity: before, startMicros: start, endMicros: end), now,
      ]
    }
  }

  /// Takes note of what became of a batch, which is the last one that `nextBatch` gave.
  ///
  /// Of a batch that is refused one half is tried next, and so on: one alert that a receiver does
  /// not understand takes no other along.
  mutating func settle(_ batch: AlertBatch, _ verdict: Verdict, nowNanos: Int64) {
    let count = batch.places.count + batch.repeated.count
    switch verdict {
    case .failed: return
    case .refused where count > 1:
      batchCount = max(1, count / 2)
      return
    case .refused:
      counts.refused += Int64(batch.places.count)
      for id in batch.repeated { firing[id] = nil }
    case .accepted:
      counts.sent += Int64(batch.places.count)
      batchCount = min(Self.batchCountMax, batchCount * 2)
      for id in batch.repeated { firing[id]?.toldNanos = nowNanos }
    }
    for place in batch.places { note(items[place], verdict, nowNanos: nowNanos) }
    remove(Set(batch.places))
  }

  private mutating func note(_ item: Item, _ verdict: Verdict, nowNanos: Int64) {
    let id = item.step.id
    if item.step.state == "closed" {
      firing[id]?.closedVersion = item.version
      return
    }
    guard verdict == .accepted, firing[id] != nil || firing.count < Self.firingCountMax else {
      return
    }
    let isNew = item.step.state == "opened"
    let start = isNew ? nil : firing[id]?.startMicros
    firing[id] = Firing(
      step: item.step, startMicros: start ?? item.step.eventTimeMicros, toldNanos: nowNanos)
  }
}
