//! Tests.
use super::*;
fn w(ws: &[u32]) -> Vec<Entrant> {
    ws.iter().zip(0..).map(|(&weight, id)| Entrant { id: BackendId(id), weight }).collect()
}
#[test]
fn smooth() {
    let walk = Walk::new(w(&[5, 1, 1]), None);
    let p: Vec<_> = (0..14).map(|_| walk.next().unwrap()).collect();
    assert_eq!(p, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
}
#[test]
fn exact() {
    for ws in [vec![5, 1, 1], vec![100, 99, 1], vec![1000, 1, 1, 1, 7, 500], vec![3, 0, 3], (1..60).collect()] {
        let walk = Walk::new(w(&ws), None);
        let n: u32 = ws.iter().sum();
        let mut c = vec![0; ws.len()];
        for _ in 0..n * 3 {
            c[walk.next().unwrap()] += 1;
        }
        assert_eq!(c, ws.iter().map(|w| w * 3).collect::<Vec<u32>>());
    }
}
