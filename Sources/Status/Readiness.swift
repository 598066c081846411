package import Pipeline

/// Whether an instance should get traffic and trust, and the sentence that says why (not).
///
/// Ready is narrower than alive: partitions are being fetched, and commits follow or there is
/// nothing to commit. A named wait for something outside (`PipelineStatus.wait`) leaves it ready
/// until `ProgressRule` says that it has lasted too long; from then on there is a stall.
package struct Readiness: Equatable, Sendable {
  package let isReady: Bool
  /// One line.
  package let sentence: String
}

extension PipelineStatus {
  /// Follows from this status alone.
  package var readiness: Readiness {
    if let stall { return no("not progressing (\(phase.rawValue)): \(stall)") }
    switch phase {
    case .starting: return no("starting" + (trouble.map { ": \($0)" } ?? ""))
    case .joining:
      return no("joining the group, no partitions yet" + (trouble.map { ": \($0)" } ?? ""))
    case .running:
      if partitions.isEmpty && !["", "steady"].contains(joinState) {
        return no("joining the group again, no partitions (\(joinState))")
      }
      return Readiness(isReady: true, sentence: runningSentence)
    case .draining: return no("draining: the last commits are being made")
    case .stopped: return no("stopped")
    }
  }

  private func no(_ sentence: String) -> Readiness {
    Readiness(isReady: false, sentence: sentence)
  }

  private var runningSentence: String {
    var sentence = "ready: \(Quantity.count(Int64(partitions.count), of: "partition"))"
    if let lag = lagRecords { sentence += ", \(Quantity.count(lag, of: "record")) behind" }
    if let wait { sentence += "; waiting for \(wait.cause.text): \(wait.detail)" }
    return sentence
  }
}

// MARK: - What follows from a status

extension PipelineStatus {
  /// Records between what is taken in and the newest in Kafka, over the partitions where it is
  /// known; nil where it is known of none.
  var lagRecords: Int64? {
    let known = partitions.compactMap(\.lag)
    return known.isEmpty ? nil : known.reduce(0, +)
  }

  /// The largest of the partitions'.
  var lagSeconds: Double? {
    partitions.compactMap { lagSeconds(of: $0) }.max()
  }

  /// How far a partition is behind in time: 0 when it has everything, else the age of the newest
  /// record it has taken in; nil where either is not known.
  func lagSeconds(of partition: Partition) -> Double? {
    guard let lag = partition.lag else { return nil }
    if lag == 0 { return 0 }
    return partition.clockMicros.map { seconds(since: $0) }
  }

  /// Never negative: clocks of different machines disagree a little.
  func seconds(since micros: Int64) -> Double {
    let (difference, overflows) = nowMicros.subtractingReportingOverflow(micros)
    return overflows ? 0 : max(0, Double(difference) / 1e6)
  }

  var uptimeSeconds: Double { seconds(since: startedAtMicros) }

  /// Since the last commit, or since the start where there was none: what an alert compares.
  var secondsSinceCommit: Double { seconds(since: lastCommit?.atMicros ?? startedAtMicros) }

  var pausedCount: Int { partitions.count { $0.isPaused } }

  var openAnomalyCount: Int { openAnomalies.reduce(0) { $0 + $1.count } }

  func total(_ name: String) -> Int64 { totals[name] ?? 0 }

  /// The labelled totals of that name, those with the same labels added up, in the order of their
  /// values: a scrape with a series twice would be refused whole.
  func labelledTotals(_ name: String, labels: [String]) -> [(values: [String], total: Int64)] {
    var sums: [[String]: Int64] = [:]
    for total in labelledTotals where total.name == name {
      let values = labels.map { label in
        total.labels.first { $0.name == label }?.value ?? ""
      }
      sums[values, default: 0] += total.value
    }
    return sums.sorted { $0.key.lexicographicallyPrecedes($1.key) }
      .map { (values: $0.key, total: $0.value) }
  }
}
