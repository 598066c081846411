import Base
import Telemetry

/// Producers that fall silent for a while: of one partition, or all of them. Environment's thread.
struct SilenceTrouble {
  private var random: SplitMix64
  private var silentUntilNanos: [TopicPartition: Int64] = [:]

  init(seed: UInt64) { random = SplitMix64(seed: seed ^ 0x511E) }

  /// Once a turn of the environment, which is some 75 ms.
  mutating func step(_ partitions: [TopicPartition], nowNanos: Int64) {
    guard random.oneIn(25) else { return }
    let untilNanos = nowNanos + Int64.random(in: 500...7_000, using: &random) * 1_000_000
    let areAll = random.oneIn(2)
    let one = partitions.randomElement(using: &random)
    for partition in partitions where areAll || partition == one {
      silentUntilNanos[partition] = max(silentUntilNanos[partition] ?? 0, untilNanos)
    }
  }

  func isSilent(_ partition: TopicPartition, nowNanos: Int64) -> Bool {
    nowNanos < silentUntilNanos[partition] ?? 0
  }
}
