# Sourced by the checks over S3, not run by itself: makes the venv that has moto, in $venv.

pins=("moto[server]==5.2.5")
venv=target/ci-s3-venv
mkdir -p target
source .ci/venv.sh
make_venv "$venv" idna==3.10
export PYTHONDONTWRITEBYTECODE=1
# Nothing of the caller's own account may come into this.
for name in $(compgen -e AWS_ || true); do unset "$name"; done
