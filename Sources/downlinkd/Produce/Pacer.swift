/// When each record is due.
struct Pacer {
  enum Pace: Equatable, Sendable {
    case asFastAsPossible
    /// Records a second.
    case rate(Double)
    /// Event time passes so many times as fast as the clock.
    case speedUp(Double)
  }

  private let pace: Pace
  private let startNanos: Int64
  private var firstEventMicros: Int64?

  init(_ pace: Pace, startNanos: Int64) {
    self.pace = pace
    self.startNanos = startNanos
  }

  /// On the monotonic clock; nil means at once. `index` counts the records before this one.
  mutating func dueNanos(index: Int, eventMicros: Int64) -> Int64? {
    switch pace {
    case .asFastAsPossible: return nil
    case .rate(let perSecond):
      return startNanos + Int64(Double(index) * 1e9 / perSecond)
    case .speedUp(let factor):
      let first = firstEventMicros ?? eventMicros
      firstEventMicros = first
      return startNanos + Int64(Double(eventMicros - first) * 1000 / factor)
    }
  }
}
