import Base
package import Storage
package import Windows

/// Windows of one series around a time, as the table `windows` has them: what is drawn around an
/// anomaly.
///
/// It reads the table from outside, by its log and its files, so that asking costs the data path
/// nothing and works after a restart. What was found is kept: who asks again pays for the files of
/// new commits alone, and who ran out of time goes on where it stopped. One reader at a time.
///
/// **Nothing is ever thrown at who asks:** an answer says what it lacks and why.
///
/// Cost: about 0.2 ms a file that may hold the device at that time; memory: one file of up to 4 MiB
/// or the columns of a row group, and 120 points of each of the last 32 questions.
package final class WindowHistory: Sendable {
  /// Which series, around which time.
  package struct Question: Hashable, Sendable {
    package var source: String
    package var device: String
    package var metric: String
    package var atMicros: Int64

    package init(source: String, device: String, metric: String, atMicros: Int64) {
      self.source = source
      self.device = device
      self.metric = metric
      self.atMicros = atMicros
    }
  }

  /// One window: the newest revision of its row.
  package struct Point: Equatable, Sendable {
    package var startMicros: Int64
    package var endMicros: Int64
    /// Nil where the window was not asked for it.
    package var mean: Double?
    package var min: Double?
    package var max: Double?

    package init(
      startMicros: Int64, endMicros: Int64, mean: Double?, min: Double?, max: Double?
    ) {
      self.startMicros = startMicros
      self.endMicros = endMicros
      self.mean = mean
      self.min = min
      self.max = max
    }
  }

  /// What is known.
  package struct Answer: Equatable, Sendable {
    /// The window definition that the points are of; nil where none covers the metric.
    package var windowName: String?
    /// Starts of the windows that were looked for; empty where none covers the metric.
    package var span: Range<Int64>
    /// By start; at most `pointCountMax`.
    package var points: [Point]
    /// Whether everything in the table that belongs there is among the points.
    package var isComplete: Bool
    /// Why there are no points, or not all, as a sentence for people.
    package var reason: String?

    package init(
      windowName: String?, span: Range<Int64>, points: [Point], isComplete: Bool, reason: String?
    ) {
      self.windowName = windowName
      self.span = span
      self.points = points
      self.isComplete = isComplete
      self.reason = reason
    }
  }

  /// Windows before the time and from it on.
  package static let beforeCountMax = 72
  package static let afterCountMax = 36
  package static var pointCountMax: Int { beforeCountMax + afterCountMax }
  /// Questions whose answers are kept.
  fileprivate static let keptCountMax = 32

  fileprivate struct State {
    var isReading = false
    var kept: [Question: HistorySearch] = [:]
    /// The one asked longest ago first.
    var order: [Question] = []
  }

  private let table: FollowedTable
  private let storage: any Storage
  private let windows: [String: [WindowDefinition]]
  private let state = Monitor(State())

  /// - Parameters:
  ///   - table: `windows`, with `window_start` as its time column.
  ///   - windows: of each source, by its name.
  package init(
    table: FollowedTable, storage: any Storage, windows: [String: [WindowDefinition]]
  ) {
    self.table = table
    self.storage = storage
    self.windows = windows
  }

  /// Answers within about `millis`, as far as that goes; blocks its thread.
  package func answer(to question: Question, withinMillis millis: Int) -> Answer {
    let deadline = MonotonicClock.nowNanos() + Int64(millis) * 1_000_000
    guard let window = window(of: question) else {
      return Answer(
        windowName: nil, span: 0..<0, points: [], isComplete: true,
        reason: "no window covers this metric of the source")
    }
    let begun = state.wait(timeoutMillis: millis) { state -> HistorySearch? in
      if state.isReading { return nil }
      state.isReading = true
      return state.kept[question] ?? HistorySearch(question, window)
    }
    guard var search = begun else {
      var answer = state.update { $0.kept[question] }?.answer
        ?? HistorySearch(question, window).answer
      answer.isComplete = false
      answer.reason = "others are being answered; ask again"
      return answer
    }
    search.read(table, storage, untilNanos: deadline)
    state.update { state in
      state.isReading = false
      state.keep(search, for: question)
    }
    return search.answer
  }

  /// Answers to several questions in their order, within about `millis` together: each gets an
  /// equal share of what is left. On a thread of its own, never on the cooperative pool.
  package func answers(to questions: [Question], withinMillis millis: Int) async -> [Answer] {
    if questions.isEmpty { return [] }
    return await withCheckedContinuation { continuation in
      _ = WorkerThread(name: "history") { [self] in
        let deadline = MonotonicClock.nowNanos() + Int64(millis) * 1_000_000
        var answers: [Answer] = []
        for (index, question) in questions.enumerated() {
          let left = Int(max(0, deadline - MonotonicClock.nowNanos()) / 1_000_000)
          answers.append(
            answer(to: question, withinMillis: left / (questions.count - index)))
        }
        continuation.resume(returning: answers)
      }
    }
  }

  /// The smallest window that covers the metric, of equal ones the one with more of what is drawn.
  private func window(of question: Question) -> WindowDefinition? {
    (windows[question.source] ?? []).filter { $0.selects(metric: question.metric) }
      .min { left, right in
        let (first, second) = (left.drawnCount, right.drawnCount)
        // One without any value to draw is the last resort.
        if (first == 0) != (second == 0) { return second == 0 }
        return left.sizeMicros != right.sizeMicros
          ? left.sizeMicros < right.sizeMicros : first > second
      }
  }
}

extension WindowHistory.State {
  /// Keeps what was found, and forgets the question asked longest ago.
  fileprivate mutating func keep(
    _ search: HistorySearch, for question: WindowHistory.Question
  ) {
    order.removeAll { $0 == question }
    order.append(question)
    kept[question] = search
    while order.count > WindowHistory.keptCountMax { kept[order.removeFirst()] = nil }
  }
}

extension WindowDefinition {
  fileprivate var drawnCount: Int {
    [Aggregates.mean, .min, .max].filter { aggregates.contains($0) }.count
  }
}
