import Detectors
import Telemetry
import Testing

@Suite struct DetectorPlanTests {
  private static let ten = wideSchema((0..<10).map { "m\($0)" })

  @Test func `state is what the plan says, once devices have settled`() {
    for definitions in [
      [limits()], [statistical()], [limits(), statistical(), silence()],
      [statistical("a"), statistical("b", kind: .jump, every: minute)],
    ] {
      var harness = Harness(Self.ten, definitions, outOfOrderness: 5 * second)
      for time in 0..<Int64(200) {
        for device in 0..<20 { _ = harness.read("d\(device)", at: time * second, 1) }
      }
      let plan = DetectorPlan(
        schema: Self.ten, definitions: definitions, outOfOrdernessMicros: 5 * second)
      let planned = 20 * (plan.bytesPerDevice + plan.bytesOfBuckets)
      let held = harness.detectors.byteCount
      #expect(abs(held - planned) <= planned / 10 + 500, "\(held) bytes, planned \(planned)")
    }
  }

  @Test func `limits and silence keep nothing a series; a statistical detector a hundred bytes`() {
    func bytes(_ definitions: [DetectorDefinition]) -> Double {
      DetectorPlan(schema: Self.ten, definitions: definitions, outOfOrdernessMicros: 5 * second)
        .bytesPerSeries()
    }
    #expect(bytes([]) == 0)
    #expect(bytes([limits(), silence()]) <= 10)
    #expect(bytes([limits(), statistical()]) <= 150)
  }

  @Test func `a narrow source needs a block for each series`() {
    let plan = DetectorPlan(
      schema: narrowSchema, definitions: [statistical()], outOfOrdernessMicros: 5 * second)
    #expect(plan.watchedMetricCount == 1 && plan.openBucketCount == 2)
    #expect(plan.bytesPerSeries(metricsPerDevice: 10) > 150)
    #expect(plan.bytesPerSeries(metricsPerDevice: 10) < 350)
  }
}
