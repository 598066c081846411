/// What the pipeline's log has told so far, over all its processes.
struct LogBook: Equatable, Sendable {
  /// Of text that is shown when the pipeline cannot run.
  private static let tailCountMax = 12

  /// Steps of anomalies that the log told or, where there were very many, counted.
  private(set) var stepCount = 0
  private(set) var commitCount = 0
  private(set) var version: Int64 = -1
  /// Since the newest process was started.
  private(set) var hasCommitted = false
  /// What its newest process said that is no log line, or is an error.
  private(set) var tail: [String] = []
  private var openings: [String: AnomalyStep] = [:]
  private var recovery: Recovery?

  /// What a restarted process takes up, until its first commit.
  private struct Recovery: Equatable {
    let sinceNanos: Int64
    var partitionCount = 0
    var offsetSum: Int64 = 0
    var replayedCount: Int64 = 0
  }

  /// Anomalies that are open by what the log told, by detector and severity.
  var openAnomalies: [StatusSample.OpenCount] {
    Dictionary(grouping: openings.values) { [$0.detector, $0.severity] }
      .map { StatusSample.OpenCount(detector: $0[0], severity: $0[1], count: $1.count) }
      .sorted { ($0.detector, $0.severity) < ($1.detector, $1.severity) }
  }

  /// A process of the pipeline has ended and the next one is started.
  mutating func restarted(nowNanos: Int64) {
    recovery = Recovery(sinceNanos: nowNanos)
    hasCommitted = false
    tail = []
  }

  /// Takes in a line; what of it people want to see.
  mutating func take(_ line: PipelineLine, nowNanos: Int64) -> [String] {
    switch line {
    case .step(let step):
      note(step)
      return [StepText.line(step)]
    case .furtherSteps(let count):
      stepCount += count
      return ["… and \(Figure.count(count, "further step")) of anomalies in this commit"]
    case .committed(let version, _):
      commitCount += 1
      self.version = version
      hasCommitted = true
      defer { recovery = nil }
      return recovery.map { backLines($0, nowNanos: nowNanos) } ?? []
    case .takenUp(_, let offset, let fetchFrom):
      recovery?.partitionCount += 1
      recovery?.offsetSum += offset
      recovery?.replayedCount += offset - fetchFrom
      return []
    case .trouble(let level, let message):
      if level != "warning" { keep(message) }
      return ["pipeline, \(level): \(message)"]
    case .text(let text):
      keep(text)
      return ["pipeline: \(text)"]
    case .other: return []
    }
  }

  private mutating func note(_ step: AnomalyStep) {
    stepCount += 1
    switch step.state {
    case .opened, .escalated: openings[step.id] = step
    case .closed: openings[step.id] = nil
    }
  }

  private mutating func keep(_ text: String) {
    tail.append(text)
    if tail.count > Self.tailCountMax { tail.removeFirst() }
  }

  private func backLines(_ recovery: Recovery, nowNanos: Int64) -> [String] {
    let seconds = Figure.decimal(Double(nowNanos - recovery.sinceNanos) / 1e9)
    return [
      "",
      "The pipeline is back, \(seconds) s after the end of the one before. It has taken up",
      "\(Figure.count(recovery.partitionCount, "partition")) where the last commit ended, at "
        + "\(Figure.count(Int(recovery.offsetSum), "record")),",
      "read \(Figure.count(Int(recovery.replayedCount))) before that again, to rebuild its state, "
        + "and committed version \(version).",
      "",
    ]
  }
}
