import Base
import Status

/// What the pipeline says about itself, as far as the display wants it.
struct StatusSample: Equatable, Sendable {
  struct OpenCount: Equatable, Sendable {
    var detector: String
    var severity: String
    var count: Int
  }

  /// `starting`, `joining`, `running`, …
  var phase = ""
  /// Records taken in, over all partitions.
  var takenCount = 0
  /// Records whose rows are in the tables.
  var committedCount = 0
  /// Records that Kafka had acknowledged when it was asked.
  var acknowledgedCount = 0
  /// The newest watermark of the partition that is furthest behind.
  var watermarkMicros: Int64?
  /// Windows fired since the process was started.
  var firingCount = 0
  /// The same of dead letters.
  var deadCount = 0
  /// By detector and severity.
  var openAnomalies: [OpenCount] = []
}

extension StatusSample {
  /// Reads the document of `/status` (docs/METRICS.md); what it does not know counts as 0.
  init(_ document: JSONValue) {
    phase = document["phase"]?.stringValue ?? ""
    let partitions = document["partitions"]?.arrayValue ?? []
    func sum(_ name: String) -> Int {
      partitions.reduce(0) { $0 + Int($1[name]?.int64Value ?? 0) }
    }
    takenCount = sum("next_offset")
    committedCount = sum("committed_offset")
    let time = TimeText(unit: nil, assumesUTC: false)
    watermarkMicros = partitions.compactMap { partition in
      partition["watermark"]?.stringValue.flatMap { time.micros(Array($0.utf8)[...]) }
    }.min()
    let totals = document["totals"]
    firingCount = Int(totals?["firings"]?.int64Value ?? 0)
    deadCount = Int(totals?["dead_letters"]?.int64Value ?? 0)
    openAnomalies = (document["anomalies"]?["open"]?.arrayValue ?? []).compactMap { open in
      guard let detector = open["detector"]?.stringValue,
        let severity = open["severity"]?.stringValue, let count = open["count"]?.int64Value,
        count > 0
      else { return nil }
      return OpenCount(detector: detector, severity: severity, count: Int(count))
    }
  }
}

/// Where the samples come from.
protocol StatusFeed: Sendable {
  /// Asks once, and waits for the answer a second or so at most; nil where there is none.
  func sample() async -> StatusSample?
}

/// Asks the pipeline's `/status`.
///
/// Kafka's side it hears from the sender, which knows it to the record and now: the pipeline hears
/// of it every two seconds.
struct HTTPStatusFeed: StatusFeed {
  let port: Int
  let sender: FleetSender

  func sample() async -> StatusSample? {
    let acknowledgedCount = sender.progress.acknowledgedCount
    do throws(StatusError) {
      var sample = StatusSample(
        try await StatusClient.status(host: "127.0.0.1", port: port, timeout: .seconds(1)))
      sample.acknowledgedCount = acknowledgedCount
      return sample
    } catch {
      // It has not started yet, or was killed a moment ago.
      return nil
    }
  }
}

/// Asks a feed now and then.
final class StatusPoller: Sendable {
  private static let interval = Duration.milliseconds(400)

  private let newestAnswer = Monitor<StatusSample?>(nil)
  private let task: Task<Void, Never>

  init(_ feed: any StatusFeed) {
    task = Task.detached { [newestAnswer] in
      while !Task.isCancelled {
        let sample = await feed.sample()
        newestAnswer.update { $0 = sample }
        try? await Task.sleep(for: Self.interval)
      }
    }
  }

  deinit { task.cancel() }

  /// The newest answer; nil while there is none.
  var newest: StatusSample? { newestAnswer.update { $0 } }

  /// Forgets the newest answer: it is of a process that has ended.
  func forget() { newestAnswer.update { $0 = nil } }

  /// Asks no more.
  func stop() { task.cancel() }
}
