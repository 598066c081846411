import ArgumentParser
import Base
import Testing

@testable import downlinkd

@Suite struct DemoPlanTests {
  @Test func `a short demonstration shows half a day all the same`() {
    let plan = DemoFixture.plan(devices: 100, seconds: 20)
    #expect(plan.lengthMicros == 12 * DemoPlan.hour)
    #expect(plan.speedUp == 2160)
    #expect(plan.recordRate == 3600)
  }

  @Test func `a long one goes on at the same pace`() {
    let plan = DemoFixture.plan(seconds: 600)
    #expect(plan.lengthMicros == 120 * DemoPlan.hour)
    #expect(plan.speedUp == 720)
  }

  @Test func `as many satellites fit as the broker can keep`() {
    for seconds in [10, 14, 60, 75, 3600] {
      let count = DemoPlan.deviceCountMax(seconds: seconds)
      #expect(DemoFixture.plan(devices: count, seconds: seconds).recordRate <= 10_000)
      #expect(DemoFixture.plan(devices: count + 1, seconds: seconds).recordRate > 10_000)
    }
  }

  @Test func `the fleet's time begins with an orbit and comes to the present at the end`() {
    for offset in [0, 1, 5_399_999_999] as [Int64] {
      let now = DemoFixture.midnight + offset
      let plan = DemoPlan(deviceCount: 10, seed: 1, seconds: 75, kills: false, nowMicros: now)
      #expect(plan.startMicros % DemoPlan.orbitMicros == 0)
      #expect(plan.endMicros <= now && now - plan.endMicros < DemoPlan.orbitMicros)
    }
  }

  @Test func `the fleet's time goes with the clock and stops at the end`() {
    let plan = DemoFixture.plan(seconds: 60)
    #expect(plan.eventMicros(elapsedNanos: 0) == plan.startMicros)
    #expect(
      plan.eventMicros(elapsedNanos: plan.sendingNanos / 2)
        == plan.startMicros + plan.lengthMicros / 2)
    #expect(plan.eventMicros(elapsedNanos: plan.sendingNanos * 2) == plan.endMicros)
  }
}

@Suite struct DemoCommandTests {
  @Test(arguments: [
    [], ["--kill"], ["--seconds", "25", "--devices", "40", "--seed", "3"],
    ["--seconds", "86400", "--devices", "800"], ["--folder", "/somewhere"], ["--seconds", "10"],
  ])
  func `sensible command lines are accepted`(words: [String]) {
    #expect(throws: Never.self) { try DemoCommand.parse(words) }
  }

  @Test(arguments: [
    ["--seconds", "5"], ["--seconds", "100000"], ["--devices", "9"], ["--devices", "5001"],
    ["--devices", "1000", "--seconds", "20"], ["--seed", "-1"], ["more"],
  ])
  func `what cannot be shown is refused with exit code 64`(words: [String]) {
    let error = #expect(throws: (any Error).self) { try DemoCommand.parse(words) }
    if let error { #expect(DemoCommand.exitCode(for: error).rawValue == 64, "\(error)") }
  }
}
