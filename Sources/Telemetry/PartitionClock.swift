/// The clock of one partition: the largest Kafka timestamp it has delivered, guarded against
/// producers whose own clock is wrong.
///
/// Where the broker stamps the records (LogAppendTime) every stamp counts at once. Where producers
/// do (CreateTime), a stamp more than `maxFutureSkew` ahead is **held**: consecutive such records
/// form a run, and the clock takes the run's smallest stamp as soon as the run holds two devices,
/// or three records of one device (a partition with one device must go on). A record within the
/// skew is evidence against the jump and ends the run. Records without a device neither confirm
/// nor contradict.
///
/// The very first stamp sets the clock **provisionally**: if the next device lies lower by more
/// than the skew, the first one is not believed and the clock starts again from the lower.
///
/// Windows keep one; the filter of duplicates, which judges records before windows see them, keeps
/// its own and shows it the same records, so that the two always agree.
///
/// **Invariants:** never back, but for that one restart; a function of the record sequence alone.
package struct PartitionClock: Equatable, Sendable {
  /// What one record did to the clock.
  package enum Step: Sendable { case unchanged, moved, restarted, held }

  /// Microseconds, `none` before the first stamp.
  package var micros = PartitionClock.none
  package var isProvisional = false
  /// Whose stamp the provisional clock is, or `noDevice`.
  package var provisionalDevice = PartitionClock.noDevice
  /// Records in the run of held jumps, its device, and its smallest stamp.
  package var heldCount: UInt32 = 0
  package var heldDevice = PartitionClock.noDevice
  package var heldMicros = PartitionClock.none

  /// No time yet.
  package static let none = Int64.min
  /// Stamps beyond ±2^59 µs (18,000 years) count as absent, so that no sum with one overflows.
  package static let magnitudeMax = Int64(1) << 59
  /// Equal to `WordTable.none`.
  package static let noDevice = UInt32.max
  package static let repeatsToConfirm = 3

  package init() {}

  /// Takes one record's stamp. `timestamp` out of the safe range counts as absent.
  package mutating func observe(
    timestamp: Int64, hasAppendTime: Bool, device: UInt32, maxFutureSkew: Int64
  ) -> Step {
    guard Self.isSafe(timestamp) else { return .unchanged }
    if micros == Self.none {
      micros = timestamp
      isProvisional = !hasAppendTime
      provisionalDevice = device
      return .restarted
    }
    if hasAppendTime {
      isProvisional = false
      heldCount = 0
      return move(to: timestamp)
    }
    if isProvisional, device != Self.noDevice, device != provisionalDevice {
      isProvisional = false
      if timestamp < micros - maxFutureSkew {
        micros = timestamp
        heldCount = 0
        return .restarted
      }
    }
    if timestamp > micros + maxFutureSkew {
      return hold(timestamp, device: device)
    }
    if device != Self.noDevice { heldCount = 0 }
    return move(to: timestamp)
  }

  /// Whether a record's timestamp is one, and small enough to reckon with.
  package static func isSafe(_ timestamp: Int64) -> Bool {
    timestamp >= -magnitudeMax && timestamp <= magnitudeMax
  }

  private mutating func hold(_ timestamp: Int64, device: UInt32) -> Step {
    guard device != Self.noDevice else { return .held }
    if heldCount == 0 {
      heldDevice = device
      heldMicros = timestamp
    }
    heldCount += 1
    heldMicros = min(heldMicros, timestamp)
    guard heldDevice != device || heldCount >= Self.repeatsToConfirm else { return .held }
    heldCount = 0
    isProvisional = false
    return move(to: heldMicros)
  }

  private mutating func move(to timestamp: Int64) -> Step {
    guard timestamp > micros else { return .unchanged }
    micros = timestamp
    return .moved
  }
}
