// SPDX-License-Identifier: Apache-2.0
// Adds two vectors on the first GPU that it sees and checks every sum.
#include <cstdio>
#include <vector>

__global__ void add(const float* a, const float* b, float* sum, int count) {
    const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < count)
        sum[i] = a[i] + b[i];
}

static void check(cudaError_t status, const char* what) {
    if (status == cudaSuccess)
        return;
    std::printf("%s: %s\n", what, cudaGetErrorString(status));
    std::exit(1);
}

int main() {
    constexpr int count = 1 << 20;
    std::vector<float> a(count);
    std::vector<float> b(count);
    std::vector<float> sum(count, -1.0F);
    for (int i = 0; i < count; ++i) {
        a[static_cast<std::size_t>(i)] = static_cast<float>(i % 1000);
        b[static_cast<std::size_t>(i)] = static_cast<float>(i % 77) * 0.5F;
    }
    int devices = 0;
    check(cudaGetDeviceCount(&devices), "cudaGetDeviceCount");
    float* on_gpu[3] = {};
    for (float*& vector : on_gpu)
        check(cudaMalloc(&vector, count * sizeof(float)), "cudaMalloc");
    check(cudaMemcpy(on_gpu[0], a.data(), count * sizeof(float), cudaMemcpyHostToDevice), "copy");
    check(cudaMemcpy(on_gpu[1], b.data(), count * sizeof(float), cudaMemcpyHostToDevice), "copy");
    add<<<(count + 255) / 256, 256>>>(on_gpu[0], on_gpu[1], on_gpu[2], count);
    check(cudaGetLastError(), "launch");
    check(cudaMemcpy(sum.data(), on_gpu[2], count * sizeof(float), cudaMemcpyDeviceToHost), "copy");
    for (std::size_t i = 0; i < count; ++i)
        if (sum[i] != a[i] + b[i]) {
            std::printf("wrong sum at %zu\n", i);
            return 1;
        }
    std::printf("%d GPU(s) visible, %d sums right\n", devices, count);
    return 0;
}
