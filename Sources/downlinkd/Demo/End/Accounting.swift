/// Exactly once, in numbers: what Kafka acknowledged against what the tables hold.
struct Accounting: Equatable, Sendable {
  enum Verdict: Equatable, Sendable {
    /// Every record that was acknowledged is there, once.
    case exact
    /// The pipeline was stopped early; so many records are still in the topic, unread.
    case unread(Int)
    /// Rows are missing though the pipeline had read everything.
    case missing(Int)
    /// More rows than records.
    case doubled(Int)
    /// The sums agree, but records that can be read and records that cannot do not.
    case mistaken
  }

  let acknowledgedCount: Int
  /// Of those sent; exact where nothing failed.
  let badCount: Int
  let failedCount: Int
  let readingCount: Int
  let deadCount: Int
  /// Whether the pipeline had time to read everything.
  let isComplete: Bool

  /// Each record of the fleet is one reading, or one dead letter.
  init(_ progress: FleetSender.Progress, _ totals: TableTotals, isComplete: Bool) {
    acknowledgedCount = progress.acknowledgedCount
    badCount = progress.badCount
    failedCount = progress.failedCount
    readingCount = totals["readings_\(DemoPlan.source)"].rowCount
    deadCount = totals["dead_letters"].rowCount
    self.isComplete = isComplete
  }

  var verdict: Verdict {
    let difference = acknowledgedCount - readingCount - deadCount
    if difference < 0 { return .doubled(-difference) }
    if difference > 0 { return isComplete ? .missing(difference) : .unread(difference) }
    return failedCount == 0 && deadCount != badCount ? .mistaken : .exact
  }

  /// The sum and what follows from it, for people.
  var lines: [String] {
    let sum =
      "\(Figure.count(acknowledgedCount, "record")) acknowledged = "
      + "\(Figure.count(readingCount, "reading")) + \(Figure.count(deadCount, "dead letter"))"
    switch verdict {
    case .exact: return [sum + ": every record is there, once."]
    case .unread(let count):
      return [
        sum + " + \(Figure.count(count)) that the pipeline had not read when it was stopped.",
        "Nothing is lost: it would have gone on with them.",
      ]
    case .missing(let count):
      return [sum + ", and \(Figure.count(count)) MISSING. This is a fault of downlinkd."]
    case .doubled(let count):
      return [sum + ", \(Figure.count(count)) TOO MANY. This is a fault of downlinkd."]
    case .mistaken:
      return [
        sum + ", but \(Figure.count(badCount)) were made unreadable. "
          + "This is a fault of downlinkd."
      ]
    }
  }
}
