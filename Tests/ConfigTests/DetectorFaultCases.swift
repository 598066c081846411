/// Faults of detectors; `FaultTableTests` runs them.
let detectorCases: [FaultCase] = [
  .appended("detectors: [{name: d, metric: m}]\n", "10:13 detectors[0]: expected one of limits,"
    + " spike, jump, shift, silence; found none of them"),
  .appended("detectors: [{name: d, shift: {}}]\n", "10:13 detectors[0]: `metric` is missing;"
    + " expected"
    + " a name or a glob such as \"battery_*\""),
  .appended("detectors: [{name: d, metric: m, shift: {}, silence: {after: 5m}}]\n",
    "10:45 detectors[0].silence: a detector has one rule; this one has `shift` already"
      + " = write a second detector with its own name"),
  .appended("detectors: [{name: d, metric: m, silence: {}}]\n",
    "10:23 detectors[0].metric: `silence` concerns the whole device; it has no metric"
      + " = remove `metric`",
    "10:43 detectors[0].silence: `after` is missing; expected a duration such as 30s, 5m or 1h30m"),
  .appended("detectors: [{name: d, metric: m, limits: {}}]\n", "10:42 detectors[0].limits: expected"
    + " one of warning, critical; found none of them"),
  .appended("detectors: [{name: d, metric: m, limits: {warning: {abov: 4}}}]\n",
    "10:53 detectors[0].limits.warning.abov: unknown key; expected one of above, below, outside"
      + " = did you mean `above`?"),
  .appended("detectors: [{name: d, metric: m, limits: {warning: {above: \"4\"}, readings: 1.5}}]\n",
    "10:60 detectors[0].limits.warning.above: `4` is a text; expected a number = remove the quotes",
    "10:76 detectors[0].limits.readings: `1.5` is not a whole number; expected a whole number"
      + " from 1"
      + " to 100000"),
  .appended("detectors: [{name: d, metric: m, limits: {warning: {above: .inf}, clear_margin:"
    + " -1}}]\n",
    "10:60 detectors[0].limits.warning.above: `.inf` is not a number; expected a number such"
      + " as 45 or"
      + " -0.5",
    "10:81 detectors[0].limits.clear_margin: `-1` is negative; expected 0 or more"),
  .appended("detectors: [{name: d, metric: m, limits: {warning: {above: 60}, critical: {above:"
    + " 45}}}]\n",
    "10:75 detectors[0].limits.critical: critical above 45.0 must be higher than warning above"
      + " 60.0"),
  .appended("detectors: [{name: d, metric: m, limits: {warning: {outside: [5, 1]}}}]\n",
    "10:62 detectors[0].limits.warning.outside: the lower limit, 5.0, is not below the upper"
      + " one, 1.0:"
      + " every value would violate"),
  .appended("detectors: [{name: d, metric: m, limits: {warning: {outside: [1], above: 2}}}]\n",
    "10:53 detectors[0].limits.warning.outside: `outside` excludes `above` and `below` = outside:"
      + " [low, high] is the same as below: low, above: high",
    "10:62 detectors[0].limits.warning.outside: expected two numbers, [low, high]; found 1"),
  .appended("detectors: [{name: d, metric: m, limits: {warning: {above: 1}, readings: 2, for:"
    + " 5s}}]\n",
    "10:77 detectors[0].limits.for: `readings` and `for` exclude each other = count consecutive"
      + " readings, or measure event time"),
  .appended("detectors: [{name: d, source: snapshoots, metric: m, shift: {every: 2d}}]\n",
    "10:31 detectors[0].source: `snapshoots` is no source; there is snapshots"
      + " = did you mean `snapshots`?",
    "10:69 detectors[0].shift.every: `2d` is out of range; expected 1s to 1d"),
  .changed("device: device_id",
    "device: d\n    metrics: [battery_v, battery_a]")
    .adding(
      "detectors: [{name: d, metric: batery_v, shift: {}}]\n"
        + "windows: [{name: w, size: 5m, metrics: ['solar_*']}]\n",
    "11:31 detectors[0].metric: `batery_v` is no metric of the sources it concerns"
      + " = did you mean `battery_v`?",
    "12:41 windows[0].metrics[0]: `solar_*` is no metric of the sources it concerns"),
]

let statisticalCases: [FaultCase] = [
  .appended("detectors: [{name: d, metric: m, spike: {fast_half_life: 1h}}]\n",
    "10:42 detectors[0].spike.fast_half_life: unknown key; expected one of every, half_life,"
      + " warm_up, refractory, false_alarm_every, min_change"),
  .appended("detectors: [{name: d, metric: m, jump: {evry: 5m, min_change: -1}}]\n",
    "10:41 detectors[0].jump.evry: unknown key; expected one of every, half_life, warm_up,"
      + " refractory, false_alarm_every, min_change = did you mean `every`?",
    "10:63 detectors[0].jump.min_change: `-1` is negative; expected 0 or more"),
  .appended("detectors: [{name: d, jump: {}, spike: {}}]\n",
    "10:13 detectors[0]: `metric` is missing; expected a name or a glob such as \"battery_*\"",
    "10:23 detectors[0].jump: a detector has one rule; this one has `spike` already"
      + " = write a second detector with its own name"),
  .appended(
    "detectors: [{name: d, metric: m, shift: {half_life: 500d, warm_up: 0s, refractory: -1s,"
      + " false_alarm_every: 30m}}]\n",
    "10:53 detectors[0].shift.half_life: `500d` is out of range; expected 1s to 400d",
    "10:68 detectors[0].shift.warm_up: `0s` is out of range; expected 1s to 400d",
    "10:84 detectors[0].shift.refractory: `-1s` is negative; expected a duration such as"
      + " 30s, 5m or 1h30m",
    "10:108 detectors[0].shift.false_alarm_every: `30m` is out of range; expected 1h to 10000d"),
  .appended(
    "detectors: [{name: d, metric: m, shift: {every: 1h, half_life: 30m, fast_half_life: 5m,"
      + " warm_up: 59m}}]\n",
    "10:64 detectors[0].shift.half_life: `half_life`, 30m, is shorter than a bucket, `every`, 1h"
      + " = make it longer, or `every` shorter",
    "10:85 detectors[0].shift.fast_half_life: `fast_half_life`, 5m, is shorter than a bucket,"
      + " `every`, 1h = make it longer, or `every` shorter",
    "10:98 detectors[0].shift.warm_up: `warm_up`, 59m, is shorter than a bucket, `every`, 1h"
      + " = make it longer, or `every` shorter"),
  .appended(
    "detectors: [{name: d, metric: m, shift: {half_life: 1h, fast_half_life: 60m}}]\n",
    "10:73 detectors[0].shift.fast_half_life: `fast_half_life`, 1h, is not shorter than"
      + " `half_life`, 1h: both means would be alike"
      + " = a tenth of `half_life` or less tells a shift soon"),
  .appended(
    "detectors: [{name: d, metric: m, spike: {every: 1h, half_life: 29h}}]\n",
    "10:64 detectors[0].spike.half_life: `half_life`, 1d5h, is less than 30 buckets of 1h:"
      + " what is usual would never be known well enough to judge = 1d6h or longer fits"),
  .appended(
    "detectors: [{name: d, metric: m, spike: {every: 1h, false_alarm_every: 9h}}]\n",
    "10:72 detectors[0].spike.false_alarm_every: `false_alarm_every`, 9h, is less than 10 buckets"
      + " of 1h: what comes more often is not unusual = 10h or longer fits"),
  // A faulty `every` is the only thing to say.
  .appended(
    "detectors: [{name: d, metric: m, spike: {every: 1M, half_life: 2s}}]\n",
    "10:49 detectors[0].spike.every: `1M` is not a duration; expected a duration such as 30s, 5m"
      + " or 1h30m = did you mean `1m`?"),
  .appended("detectors: [{name: d, metric: m, spike: {}, open_max: 0}]\n",
    "10:55 detectors[0].open_max: `0` is out of range; expected a whole number from 1 to 1000000"),
  .appended(
    "detectors:\n  - {name: d, metric: m, spike: {}}\n  - {name: d, silence: {after: 5m}}\n"
      + "  - {name: D, metric: m, limits: {warning: {above: 1}}, source: x}\n",
    "12:12 detectors[1].name: the name `d` is taken by detectors[0] in line 11"
      + " = give each its own name",
    "13:12 detectors[2].name: the name `D` (but for case) is taken by detectors[0] in line 11"
      + " = give each its own name",
    "13:65 detectors[2].source: `x` is no source; there is snapshots"),
]
