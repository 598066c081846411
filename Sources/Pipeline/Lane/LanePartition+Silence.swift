import Base
import Ledger
import Windows

/// How long nothing has come of a partition, by this machine's clock: the only thing that a lane
/// knows of that clock, and no row follows from it but by a decision that the ledger records.
struct Silence {
  /// When the last record came, or the partition was taken up.
  private(set) var sinceNanos = MonotonicClock.nowNanos()
  /// Kafka has said that there is nothing behind the last record.
  private(set) var isAtEnd = false
  /// Wall clock of the last record, once the partition was found idle; nil while it is not.
  private(set) var idleSinceMicros: Int64?
  /// A record came since the lane last looked at its clock.
  private var isBroken = false

  /// A record was taken in; of all of one batch the lane notes the time once.
  mutating func end() {
    isBroken = true
    isAtEnd = false
    idleSinceMicros = nil
  }

  /// The lane's look at its clock, once a batch.
  mutating func note(nowNanos: Int64) {
    guard isBroken else { return }
    isBroken = false
    sinceNanos = nowNanos
  }

  mutating func reachEnd() { isAtEnd = true }

  /// Where Kafka is fetched again from here on, it will say again where the end is.
  mutating func doubtEnd() { isAtEnd = false }

  mutating func beIdle() {
    let silentMicros = (MonotonicClock.nowNanos() - sinceNanos) / 1000
    idleSinceMicros = WallClock.nowMicros() - silentMicros
  }
}

/// A partition in which nobody speaks: its windows fire by a decision, which is recorded at its
/// offset, and which a replay repeats.
extension LanePartition {
  /// When the silence began that may make it idle; nil where it is idle already, or where nobody
  /// can say that nothing came: Kafka has not said that this is the end, or is not being read.
  var silentSinceNanos: Int64? {
    guard silence.isAtEnd, silence.idleSinceMicros == nil, !isReplaying else { return nil }
    switch position {
    case .fresh, .refetched, .steady: return silence.sinceNanos
    case .lost, .refetching, .seekingAhead, .held: return nil
    }
  }

  /// The session has found it silent for long enough, and the brokers say that `offset` is the end.
  /// Takes all devices that are awake to be idle, whose open windows fire; where none is awake
  /// nothing is decided, so that one silence is one decision, whoever looks at it afterwards. A
  /// record that came meanwhile comes before that.
  func becomeIdle(at offset: Int64) {
    guard silentSinceNanos != nil, expected == offset else { return }
    silence.beIdle()
    guard windows.hasAwakeDevices else { return }
    // Devices fall asleep without an offset.
    devicesTold.cut = nil
    windows.fireOpenWindows(vocabulary: vocabulary, into: &output.firings)
    sinceCut.decisions.append(Decision(kind: .partitionIdle, key: key, offset: offset))
  }

  /// Event time does what was decided at offsets up to `offset`, before any record at or behind it:
  /// in a replay without rows, which the chain has.
  func repeatDecisions(through offset: Int64) {
    while let decided = decidedOffsets.first, decided <= offset {
      decidedOffsets.removeFirst()
      windows.fireOpenWindows(vocabulary: vocabulary, into: &output.firings)
      if !dropsOutput, decided >= cutFrom {
        sinceCut.decisions.append(Decision(kind: .partitionIdle, key: key, offset: decided))
      }
    }
  }
}
