import Testing

@testable import Kafka

struct FetchPacerTests {
  /// What a pacer answers to drains of (records, bytes, emptied the queue).
  private func answers(
    messageCountMax: Int, _ drains: [(Int, Int, Bool)]
  ) -> [Bool] {
    var pacer = FetchPacer(messageCountMax: messageCountMax, byteCountMax: 1 << 20)
    return drains.map { pacer.shouldWake(takenCount: $0.0, takenByteCount: $0.1, isEmpty: $0.2) }
  }

  @Test func `half a queueful of records is worth a wake-up, and the count starts again`() {
    #expect(
      answers(messageCountMax: 1000, [(300, 0, false), (200, 0, false), (499, 0, false)])
        == [false, true, false])
  }

  @Test func `large records count by their bytes`() {
    #expect(answers(messageCountMax: 1000, [(1, 1 << 19, false)]) == [true])
  }

  @Test func `an emptied queue is worth a wake-up, a trickle is not`() {
    #expect(
      answers(messageCountMax: 6400, [(99, 0, true), (1, 0, true), (0, 0, true)])
        == [false, true, false])
  }

  /// The claim of its doc comment, against a model of the library: fetch when looked at and below
  /// the limit, in answers of any size; look only when woken.
  @Test(arguments: [UInt64(1), 2, 3, 4, 5])
  func `a fetcher that looks only when woken never leaves a drained queue empty`(
    _ seed: UInt64
  ) {
    print("seed \(seed)")
    var state = seed &* 0x9E37_79B9_7F4A_7C15
    func random(_ range: ClosedRange<Int>) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return range.lowerBound + Int(state >> 33) % range.count
    }
    let limit = 1000
    var pacer = FetchPacer(messageCountMax: limit, byteCountMax: .max / 4)
    var queued = 0
    func look() {
      while queued < limit { queued += random(1...1500) }
    }
    look()
    for _ in 0..<10_000 {
      let countMax = random(1...1200)
      let taken = min(countMax, queued)
      queued -= taken
      if pacer.shouldWake(takenCount: taken, takenByteCount: 0, isEmpty: taken < countMax) {
        look()
      }
      #expect(queued > 0)
    }
  }
}
