/// Says when the fetchers should be woken because a lane's queue has been drained.
///
/// It counts what was drained since the last wake-up and asks for one after half the queue's limit.
/// That is enough wherever the fetcher stopped in between: it stopped at the limit L or above, less
/// than L/2 is drained before the next wake-up, and then the queue is below L again, half full. And
/// it is rare: two wake-ups for each queueful.
///
/// **Invariants:** `messageCount < messageCountMax / 2` and likewise bytes, between calls.
struct FetchPacer {
  private let messageCountMax: Int
  private let byteCountMax: Int
  private var messageCount = 0
  private var byteCount = 0

  init(messageCountMax: Int, byteCountMax: Int) {
    self.messageCountMax = messageCountMax
    self.byteCountMax = byteCountMax
  }

  /// Notes a drain. `isEmpty` says that it took all there was: then waking helps after fewer
  /// records too, because a seek or a resume drops prefetched ones without their being drained.
  mutating func shouldWake(takenCount: Int, takenByteCount: Int, isEmpty: Bool) -> Bool {
    messageCount += takenCount
    byteCount += takenByteCount
    let isDue =
      messageCount * 2 >= messageCountMax || byteCount * 2 >= byteCountMax
      || (isEmpty && messageCount * Self.emptyShare >= messageCountMax)
    guard isDue, takenCount > 0 else { return false }
    messageCount = 0
    byteCount = 0
    return true
  }

  /// An empty queue is worth a wake-up once a 64th of the limit was drained: not after each record
  /// of a trickle.
  private static let emptyShare = 64
}
