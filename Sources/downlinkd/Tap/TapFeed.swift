import Base
import Pipeline
import Status

/// The instance's side of a tap: lines of JSON as somebody takes them.
///
/// The stream is pulled: what nobody takes stays in the subscription, which is bounded, and is left
/// out there. Three kinds of lines: rows; `{"left_out":12}` for rows that were wanted and did not
/// fit; an empty one now and then, so that a reader who is gone is noticed.
enum TapFeed {
  /// What the server sends.
  static func answer(of hub: TapHub, _ query: [String: String]) -> StreamAnswer {
    do throws(TapRequest.Refusal) {
      return .lines(try lines(of: hub, query))
    } catch {
      return .refused(error.sentence)
    }
  }

  private static let lookInterval = Duration.milliseconds(100)
  /// How many looks without a row an empty line stands for.
  private static let quietLookCountMax = 20

  /// Begins to look on; refused where the request is no good, or too many look on.
  static func lines(
    of hub: TapHub, _ query: [String: String]
  ) throws(TapRequest.Refusal) -> AsyncStream<[UInt8]> {
    let request = try TapRequest(query)
    guard let subscription = hub.subscribe(request.filter, rowsPerSecondMax: request.rate) else {
      throw TapRequest.Refusal(
        sentence: "\(TapHub.subscriptionCountMax) taps are open, and no more may be: end one")
    }
    let lease = Lease(hub: hub, subscription: subscription)
    return AsyncStream {
      for _ in 0..<quietLookCountMax {
        guard let reading = lease.subscription.read(timeoutMillis: 0) else { return nil }
        if reading.rowCount > 0 || reading.leftOutCount > 0 { return bytes(of: reading) }
        do { try await Task.sleep(for: lookInterval) } catch { return nil }
      }
      return [UInt8(ascii: "\n")]
    }
  }

  private static func bytes(of reading: TapSubscription.Reading) -> [UInt8] {
    if reading.leftOutCount == 0 { return reading.lines }
    return reading.lines + JSONValue.object([
      JSONMember("left_out", .int(reading.leftOutCount))
    ]).bytes + [UInt8(ascii: "\n")]
  }

  /// Ends the subscription when the stream is let go of, for whatever reason.
  private final class Lease: Sendable {
    let hub: TapHub
    let subscription: TapSubscription

    init(hub: TapHub, subscription: TapSubscription) {
      self.hub = hub
      self.subscription = subscription
    }

    deinit { hub.remove(subscription) }
  }
}
