import Base
import Glibc
import Kafka

/// Orders to a running broker: reads lines from a descriptor, carries them out, and takes back what
/// was asked for a while only. One thread.
struct BrokerControl {
  /// Asked for a while: what ends it, and when (of `MonotonicClock`).
  private struct End {
    let order: BrokerOrder
    let atNanos: Int64
  }

  private let cluster: MockCluster
  private let descriptor: Int32
  /// Says one line to whoever gave the order.
  private let answer: (String) -> Void
  private var ends: [End] = []
  private var unread: [UInt8] = []
  /// False once there is nothing more to read.
  private(set) var isOpen = true
  /// How much ends by itself later.
  var pendingCount: Int { ends.count }

  /// Longer lines are refused: nothing legal is as long.
  private static let lineByteCountMax = 4096

  init(_ cluster: MockCluster, reading descriptor: Int32, answer: @escaping (String) -> Void) {
    self.cluster = cluster
    self.descriptor = descriptor
    self.answer = answer
  }

  /// Obeys until a stop is asked for. After the end of its input it waits for the stop.
  mutating func run() {
    while StopSignals.count == 0 {
      let wait = millisToNextEnd()
      if isOpen {
        if StopSignals.wait(orReadable: descriptor, timeoutMillis: wait) { readLines() }
      } else {
        _ = StopSignals.wait(timeoutMillis: wait)
      }
      endWhatIsDue()
    }
  }

  /// −1 where nothing is to be ended.
  private func millisToNextEnd() -> Int32 {
    guard let next = ends.map(\.atNanos).min() else { return -1 }
    let left = max(0, next - MonotonicClock.nowNanos())
    return Int32(clamping: left / 1_000_000 + 1)
  }

  /// Reads what is there and obeys the lines that are whole.
  mutating func readLines() {
    var buffer = [UInt8](repeating: 0, count: Self.lineByteCountMax)
    let count = unsafe read(descriptor, &buffer, buffer.count)
    if count < 0 && errno == EINTR { return }
    guard count > 0 else {
      isOpen = false
      return
    }
    unread += buffer[..<count]
    while let end = unread.firstIndex(of: UInt8(ascii: "\n")) {
      let line = String(decoding: unread[..<end], as: UTF8.self)
      unread.removeSubrange(...end)
      obey(line)
    }
    if unread.count > Self.lineByteCountMax {
      answer("refused: a line is longer than \(Self.lineByteCountMax) bytes")
      unread.removeAll()
    }
  }

  /// Carries out a line and answers `ok: …` or `refused: …`.
  mutating func obey(_ line: String) {
    guard let order = BrokerOrder(line) else {
      answer("refused: \(line): not an order; `downlinkd broker --help` lists them")
      return
    }
    do throws(KafkaError) {
      try carryOut(order)
      answer("ok: \(line)")
    } catch {
      answer("refused: \(line): \(error)")
    }
  }

  private mutating func carryOut(_ order: BrokerOrder) throws(KafkaError) {
    switch order {
    case .topic(let topic):
      try cluster.createTopic(topic.name, partitionCount: topic.partitionCount)
    case .error(let request, let codes): cluster.pushErrors(request, codes)
    case .clear(let request): cluster.clearErrors(request)
    case .down(let broker, let millis):
      try cluster.setDown(broker: broker)
      end(with: .up(broker: broker), after: millis)
    case .up(let broker): try cluster.setUp(broker: broker)
    case .delay(let broker, let by, let millis):
      try cluster.setRoundTrip(broker: broker, millis: by)
      end(with: .delay(broker: broker, by: 0, millis: nil), after: millis)
    case .coordinator(let group, let broker):
      try cluster.setCoordinator(group: group, broker: broker)
    case .leader(let topic, let partition, let broker):
      try cluster.setLeader(topic, partition: partition, broker: broker)
    }
  }

  /// The end that was foreseen for an earlier order of the same kind no longer counts.
  private mutating func end(with order: BrokerOrder, after millis: Int64?) {
    ends.removeAll { $0.order == order }
    guard let millis else { return }
    let atNanos = MonotonicClock.nowNanos() + millis * 1_000_000
    ends.append(End(order: order, atNanos: atNanos))
  }

  mutating func endWhatIsDue() {
    let now = MonotonicClock.nowNanos()
    let due = ends.filter { $0.atNanos <= now }
    ends.removeAll { $0.atNanos <= now }
    for end in due {
      do throws(KafkaError) {
        try carryOut(end.order)
      } catch {
        answer("refused: \(error)")
      }
    }
  }
}
