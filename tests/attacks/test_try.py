import pytest, time, os
T = {}
@pytest.mark.parametrize("n", range(40))
def test_x(scene, n):
    t=time.process_time()
    d = scene.device(1)
    T["device"] = T.get("device",0)+time.process_time()-t
    t=time.process_time()
    d.check()
    T["check"] = T.get("check",0)+time.process_time()-t
    t=time.process_time()
    with scene.unharmed(d): pass
    T["unharmed"] = T.get("unharmed",0)+time.process_time()-t
    if n==39: print({k: v/40 for k,v in T.items()}, "total", time.process_time())
@pytest.mark.parametrize("n", range(40))
def test_y(scene, n):
    pass
def test_z():
    print(time.process_time())
