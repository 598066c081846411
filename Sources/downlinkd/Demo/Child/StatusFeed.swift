import Base

/// What the pipeline says about itself, as far as the display wants it.
struct StatusSample: Equatable, Sendable {
  struct OpenCount: Equatable, Sendable {
    var detector: String
    var severity: String
    var count: Int
  }

  /// Records taken in, over all partitions.
  var takenCount = 0
  /// Records whose rows are in the tables.
  var committedCount = 0
  /// Records in Kafka that have not been taken in.
  var lag = 0
  /// The newest event time of the partition that is furthest behind.
  var newestEventMicros: Int64?
  /// Since the process was started, like the next two.
  var firingCount = 0
  var deadCount = 0
  var commitCount = 0
  var openAnomalies: [OpenCount] = []
}

/// Where the samples come from.
protocol StatusFeed: Sendable {
  /// Asks once and waits for the answer, a second or so at most; nil where there is none.
  func sample() -> StatusSample?
}

/// Asks a feed now and then, on a thread of its own.
final class StatusPoller: Sendable {
  private static let intervalMillis = 400

  private struct State {
    var newest: StatusSample?
    var isStopped = false
  }

  private let state = Monitor(State())

  init(_ feed: any StatusFeed) {
    _ = WorkerThread(name: "status") { [state] in
      while true {
        let sample = feed.sample()
        state.update { $0.newest = sample }
        let isStopped = state.wait(timeoutMillis: Self.intervalMillis) { $0.isStopped ? true : nil }
        if isStopped == true { return }
      }
    }
  }

  /// The newest answer; nil while there is none.
  var newest: StatusSample? { state.update { $0.newest } }

  /// Forgets the newest answer: it is of a process that has ended.
  func forget() { state.update { $0.newest = nil } }

  /// Ends the thread.
  func stop() { state.update { $0.isStopped = true } }
}

/// Asks the pipeline's `/status`.
struct HTTPStatusFeed: StatusFeed {
  let port: Int

  func sample() -> StatusSample? { nil }
}
