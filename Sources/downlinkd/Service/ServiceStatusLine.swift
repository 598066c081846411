import Pipeline
import Telemetry

/// The one line a service manager shows of the pipeline, and the rate in it:
///
///     running, 8 partitions; 12,300 records/s, 1,234,567 readings; lag 0; last commit under 10 s
///     ago; 2 anomalies open
///
/// What is wrong stands right after the phase. Ages and rates are rounded, so that an idle service
/// does not say something new every second.
struct ServiceStatusLine: Sendable {
  /// The rate is that of the last ten seconds or a little more.
  static let rateNanos: Int64 = 10_000_000_000
  private static let sampleNanos: Int64 = 1_000_000_000
  /// Longer is cut: a datagram must stay small, and nobody reads further.
  static let byteCountMax = 500

  private struct Sample: Sendable {
    var nanos: Int64
    /// Records taken in since the start, as far as positions tell.
    var takenCount: Int64
  }

  private var takenCount: Int64 = 0
  private var taken = TakenRecords()
  /// Oldest first, `sampleNanos` apart.
  private var samples: [Sample] = []

  // MARK: - Rate

  /// Takes in how far the partitions are.
  mutating func note(_ status: PipelineStatus, nowNanos: Int64) {
    takenCount += taken.countSinceLast(status)
    if let last = samples.last, nowNanos - last.nanos < Self.sampleNanos { return }
    samples.append(Sample(nanos: nowNanos, takenCount: takenCount))
    while samples.count > 2, nowNanos - samples[1].nanos >= Self.rateNanos {
      samples.removeFirst()
    }
  }

  /// Records a second; nil before there is anything to compare.
  var rate: Double? {
    guard let first = samples.first, let last = samples.last, last.nanos > first.nanos
    else { return nil }
    return Double(last.takenCount - first.takenCount) * 1e9 / Double(last.nanos - first.nanos)
  }

  // MARK: - Text

  func text(_ status: PipelineStatus) -> String {
    var parts = [Self.phase(status)]
    if let stall = status.stall { parts.append("NOT PROGRESSING: \(stall)") }
    for flood in status.floods where flood.isPaused {
      parts.append("source \(flood.source) paused by a flood of dead letters")
    }
    if let wait = status.wait {
      let age = Self.age(status.nowMicros - wait.sinceMicros)
      parts.append("waiting for \(wait.cause.text) for \(age) (\(wait.detail))")
    }
    if status.phase == .running || status.phase == .draining || status.commitCount > 0 {
      parts += figures(status)
    }
    if let reload = status.lastReload, !reload.isAccepted {
      // As long as the file is another than what runs, somebody may believe otherwise.
      let age = Self.age(status.nowMicros - reload.atMicros)
      parts.append("configuration file refused \(age) ago: \(reload.detail)")
    }
    return Self.single(parts.joined(separator: "; "))
  }

  private static func phase(_ status: PipelineStatus) -> String {
    switch status.phase {
    case .starting:
      return status.trouble.map { "recovering: \($0)" } ?? "starting"
    case .joining: return "joining the consumer group"
    case .running:
      let count = status.partitions.count
      if count == 0 { return "running, no partition assigned\(groupFault(status))" }
      let replaying = status.partitions.count { $0.isReplaying }
      let text = "running, \(Figure.count(count, "partition"))"
      let rebuilding = replaying == 0 ? "" : ", rebuilding the state of \(replaying)"
      return text + rebuilding + groupFault(status)
    case .draining: return "stopping, making the last commits"
    case .stopped: return "stopped"
    }
  }

  /// A client that does not reach its group's coordinator keeps what it has for a while and then
  /// loses it, without a word from any broker.
  private static func groupFault(_ status: PipelineStatus) -> String {
    ["", "up"].contains(status.groupState)
      ? "" : ", the group's coordinator is not reached (\(status.groupState))"
  }

  private func figures(_ status: PipelineStatus) -> [String] {
    var parts: [String] = []
    let readings = "\(Figure.count(Int(status.totals["readings"] ?? 0))) readings committed"
    parts.append(rate.map { "\(Self.rounded($0)) records/s, \(readings)" } ?? readings)
    let lags = status.partitions.compactMap(\.lag)
    if !status.partitions.isEmpty {
      parts.append(
        lags.count == status.partitions.count
          ? "lag \(Figure.count(Int(lags.reduce(0, +))))" : "lag not known yet")
    }
    if let commit = status.lastCommit {
      parts.append("last commit \(Self.age(status.nowMicros - commit.atMicros)) ago")
    } else {
      parts.append("no commit yet")
    }
    let open = status.openAnomalies.reduce(0) { $0 + $1.count }
    parts.append("\(Figure.count(open)) \(open == 1 ? "anomaly" : "anomalies") open")
    return parts
  }

  /// Three digits, which is as much as a rate of ten seconds is worth.
  static func rounded(_ rate: Double) -> String {
    guard rate >= 10 else { return rate == 0 ? "0" : Figure.decimal(rate) }
    var unit = 1
    while Int(rate) / unit >= 1000 { unit *= 10 }
    return Figure.count(Int((rate / Double(unit)).rounded()) * unit)
  }

  /// Coarse on purpose: it changes every ten seconds at first, later once a minute, an hour, a day.
  static func age(_ micros: Int64) -> String {
    switch max(0, micros) / 1_000_000 {
    case ..<10: return "under 10 s"
    case let seconds where seconds < 60: return "\(seconds / 10 * 10) s"
    case let seconds where seconds < 3600: return "\(seconds / 60) min"
    case let seconds where seconds < 48 * 3600: return "\(seconds / 3600) h"
    case let seconds: return "\(seconds / 86_400) days"
    }
  }

  /// One line of bounded length: a line end in it would begin another assignment of the protocol.
  static func single(_ text: String) -> String {
    let line = text.unicodeScalars.map { scalar in
      scalar.value < 0x20 || scalar.value == 0x7F ? " " : String(scalar)
    }.joined()
    return TextBound.cut(line, byteCountMax: byteCountMax)
  }
}

/// Texts of the world, cut to a length.
enum TextBound {
  /// At most so many bytes of UTF-8, whole characters, and an ellipsis where something is left out.
  static func cut(_ text: String, byteCountMax: Int) -> String {
    guard text.utf8.count > byteCountMax else { return text }
    var kept = ""
    var byteCount = 3
    for character in text {
      byteCount += character.utf8.count
      if byteCount > byteCountMax { break }
      kept.append(character)
    }
    return kept + "…"
  }
}
